"""Resuming a live socket: every missed event in order, or a snapshot that says so."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from factories.chat_processes import ChatProcesses, Talker
from parlor_dev.client import Closed, Live

pytestmark = pytest.mark.integration


async def _pair(chat: ChatProcesses) -> tuple[Talker, Talker, str]:
    ann, ben = chat.talker(), chat.talker()
    return ann, ben, f"/api/v1/conversations/{await chat.conversation(ann, ben)}"


async def _say(live: Live, first: int, last: int, body: str = "number") -> list[dict[str, Any]]:
    """Send messages numbered `first` to `last`, all under way at once."""
    acks = await asyncio.gather(
        *(live.request("send", body=f"{body} {number}") for number in range(first, last + 1))
    )
    return [ack["message"] for ack in acks]


async def test_a_thousand_missed_events_come_in_order(chat: ChatProcesses) -> None:
    ann, ben, path = await _pair(chat)
    async with ann.api.live(f"{path}/ws") as hers, ben.api.live(f"{path}/ws") as his:
        await _say(hers, 1, 3)
        for _ in range(3):
            await his.next()
        await his.drop()
        messages = await _say(hers, 4, 403)
        async with ben.replicas[1].live(f"{path}/ws") as elsewhere:
            await asyncio.gather(
                *(elsewhere.request("read", message_id=message["id"]) for message in messages)
            )
        welcome = await his.resume()
        assert welcome["recovered"] is True
        assert (welcome["seq"], welcome["replayed"]) == (1203, 1200)
        events = [(await his.next())["event"] for _ in range(1200)]
        assert [event["message"]["id"] for event in events[:400]] == [
            message["id"] for message in messages
        ]
        marks = [(event["type"], event["message_id"]) for event in events[400:]]
        assert sorted(marks) == sorted(
            (kind, message["id"])
            for message in messages
            for kind in ("message.delivered", "message.read")
        )
        for message in messages:
            assert marks.index(("message.delivered", message["id"])) < marks.index(
                ("message.read", message["id"])
            )


async def test_a_first_visit_another_epoch_and_a_future_seq_get_a_snapshot(
    chat: ChatProcesses,
) -> None:
    ann, ben, path = await _pair(chat)
    async with ann.api.live(f"{path}/ws") as hers:
        messages = await _say(hers, 1, 60)
        await ben.api.post(f"/api/v1/messages/{messages[-1]['id']}/read")
        epoch = hers.epoch
        for query in ("", "?epoch=other&since=3", f"?epoch={epoch}&since=99999", "?since=3"):
            async with ben.api.live(f"{path}/ws{query}") as his:
                welcome = his.welcome
                assert (welcome["recovered"], welcome["replayed"]) == (False, 0)
                assert welcome["seq"] == 62
                snapshot = welcome["snapshot"]
                assert [m["seq"] for m in snapshot["messages"]] == list(range(11, 61))
                assert snapshot["messages"][-1]["read_by"][0]["user_id"] == str(ben.id)
                assert snapshot["conversation"]["unread_count"] == 59
        his = ben.api.live(f"{path}/ws")
        his.epoch, his.seq = epoch, 62
        async with his:
            assert (his.welcome["recovered"], his.welcome["replayed"]) == (True, 0)
            await hers.request("send", body="and on it goes")
            assert (await his.next())["seq"] == 63


async def test_what_was_archived_meanwhile_is_a_snapshot_not_a_hole(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, ben, path = await _pair(chat)
    async with ann.api.live(f"{path}/ws") as hers:
        messages = await _say(hers, 1, 5)
        await rows.execute(
            "UPDATE messages SET archived_at = now() WHERE id = $1", messages[1]["id"]
        )
        async with ben.api.live(f"{path}/ws?epoch={hers.epoch}&since=1") as his:
            assert his.welcome["recovered"] is False
            seqs = [message["seq"] for message in his.welcome["snapshot"]["messages"]]
            assert seqs == [1, 3, 4, 5]
        async with ben.api.live(f"{path}/ws?epoch={hers.epoch}&since=2") as his:
            assert (his.welcome["recovered"], his.welcome["replayed"]) == (True, 3)


async def test_what_is_sent_on_one_replica_arrives_on_the_other_in_order(
    chat: ChatProcesses,
) -> None:
    ann, ben, path = await _pair(chat)
    async with (
        ann.replicas[0].live(f"{path}/ws") as hers,
        ben.replicas[1].live(f"{path}/ws") as his,
    ):
        sent, answered = await asyncio.gather(_say(hers, 1, 200, "hers"), _say(his, 1, 200, "his"))
        seen = []
        for live in (hers, his):
            frames = [await live.next("message.sent") for _ in range(400)]
            assert [frame["seq"] for frame in frames] == list(range(1, 401))
            seen.append([frame["event"]["message"]["id"] for frame in frames])
        assert seen[0] == seen[1]
        assert set(seen[0]) == {message["id"] for message in sent + answered}


async def test_a_ticket_opens_one_socket_of_its_own_conversation(chat: ChatProcesses) -> None:
    ann, _, path = await _pair(chat)
    _, _, other = await _pair(chat)
    ticket = await ann.api.post(f"{path}/ws-ticket")
    assert ticket["ws_url"] == f"{path}/ws"
    nobody = ann.api.caller(None)
    for address, token in ((other, ticket["token"]), (path, "guess"), (path, str(ann.api.token))):
        with pytest.raises(Closed) as closed:
            async with nobody.live(f"{address}/ws", ticket=token):
                pass
        assert closed.value.code == 4401
    attempts = await asyncio.gather(
        *(nobody.live(f"{path}/ws", ticket=ticket["token"]).open() for _ in range(5)),
        return_exceptions=True,
    )
    assert [isinstance(attempt, Closed) for attempt in attempts].count(False) == 1


async def test_a_ticket_that_nobody_used_in_time_is_worth_nothing(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, _, path = await _pair(chat)
    ticket = await ann.api.post(f"{path}/ws-ticket", key="t-1")
    assert await ann.api.post(f"{path}/ws-ticket", key="t-1") == ticket
    await rows.execute("UPDATE socket_tickets SET expires_at = now() WHERE user_id = $1", ann.id)
    with pytest.raises(Closed) as closed:
        async with ann.api.caller(None).live(f"{path}/ws", ticket=ticket["token"]):
            pass
    assert closed.value.code == 4401
    stored = await rows.fetchval(
        "SELECT count(*) FROM idempotency_records WHERE strpos(answer::text, $1) > 0",
        ticket["token"].encode().hex(),
    )
    assert stored == 0
