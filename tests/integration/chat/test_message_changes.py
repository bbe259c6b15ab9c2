"""Edits and deletions by senders: who may, what the others see, and that a stream tells of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from factories.chat_processes import ChatProcesses, Talker
from parlor_dev.client import Api, Refused

pytestmark = pytest.mark.integration


async def _pair(chat: ChatProcesses) -> tuple[Talker, Talker, str]:
    ann, ben = chat.talker(), chat.talker()
    return ann, ben, f"/api/v1/conversations/{await chat.conversation(ann, ben)}"


async def _say(talker: Talker, path: str, body: str = "as it was sent") -> str:
    return str((await talker.api.post(f"{path}/messages", {"body": body}))["id"])


async def _edit(api: Api, message_id: object, body: str = "as it is now") -> Any:
    return (await api.answer("PATCH", f"/api/v1/messages/{message_id}", {"body": body}))[1]


async def _delete(api: Api, message_id: object) -> Any:
    return await api.delete(f"/api/v1/messages/{message_id}")


async def _refused(work: Any) -> tuple[int, Any]:
    with pytest.raises(Refused) as refused:
        await work
    return refused.value.status, refused.value.code


async def _items(talker: Talker, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await talker.api.get(f"{path}/messages?limit=200"))["items"]
    return items


async def test_only_the_sender_changes_a_message_and_strangers_learn_nothing(
    chat: ChatProcesses,
) -> None:
    ann, ben, path = await _pair(chat)
    message_id = await _say(ann, path)
    stranger, nobody = chat.talker().api, ann.api.caller(None)
    for change in (_edit, _delete):
        assert await _refused(change(nobody, message_id)) == (401, "unauthenticated")
        assert await _refused(change(ben.api, message_id)) == (403, "not_the_sender")
        assert await _refused(change(stranger, message_id)) == (404, "not_found")
        assert await _refused(change(ann.api, uuid4())) == (404, "not_found")
    assert (await _items(ben, path))[0]["body"] == "as it was sent"


@pytest.mark.parametrize("body", ["", "x" * 4001, "nul \0 inside"])
async def test_an_edit_is_as_a_message_has_to_be(chat: ChatProcesses, body: str) -> None:
    ann, _, path = await _pair(chat)
    message_id = await _say(ann, path)
    assert await _refused(_edit(ann.api, message_id, body)) == (422, "validation_failed")


async def test_everybody_sees_the_result_and_what_was_sent_stays_on_record(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, ben, path = await _pair(chat)
    message_id = await _say(ann, path)
    await ben.api.post(f"/api/v1/messages/{message_id}/read")
    edited = await _edit(ann.api, message_id)
    assert (edited["body"], edited["deleted_at"]) == ("as it is now", None)
    assert edited["edited_at"] > edited["sent_at"]
    assert edited["read_by"][0]["user_id"] == str(ben.id)
    assert await _edit(ann.api, message_id) == edited  # the same again is no change
    assert await _items(ben, path) == [edited]
    deleted = await _delete(ann.api, message_id)
    assert (deleted["body"], deleted["deleted_by"]) == ("", "sender")
    assert deleted["edited_at"] == edited["edited_at"]
    assert await _delete(ann.api, message_id) == deleted
    assert await _items(ben, path) == [deleted]
    assert await _refused(_edit(ann.api, message_id, "back")) == (409, "message_deleted")
    assert (
        await rows.fetchval("SELECT body FROM messages WHERE id = $1", UUID(message_id))
        == "as it was sent"
    )
    kept = await rows.fetch(
        "SELECT version, kind, body FROM message_versions WHERE message_id = $1 ORDER BY version",
        UUID(message_id),
    )
    assert [tuple(row) for row in kept] == [(2, "edited", "as it is now"), (3, "deleted", None)]


async def test_after_the_window_nothing_changes(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, _, path = await _pair(chat)
    message_id = await _say(ann, path)
    await rows.execute(
        "UPDATE messages SET sent_at = sent_at - $2::interval WHERE id = $1",
        UUID(message_id),
        timedelta(minutes=15),
    )
    for change in (_edit, _delete):
        assert await _refused(change(ann.api, message_id)) == (409, "edit_window_over")
    await rows.execute("UPDATE messages SET archived_at = now() WHERE id = $1", UUID(message_id))
    for change in (_edit, _delete):
        assert await _refused(change(ann.api, message_id)) == (404, "not_found")


async def test_who_may_not_chat_any_more_may_take_back_but_not_say_more(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, _, path = await _pair(chat)
    message_id = await _say(ann, path)
    await rows.execute(
        "UPDATE conversations SET status = 'closed' WHERE id = $1", UUID(path.rpartition("/")[2])
    )
    assert await _refused(_edit(ann.api, message_id)) == (403, "not_entitled")
    assert (await _delete(ann.api, message_id))["deleted_by"] == "sender"


async def test_sending_again_gives_the_message_as_it_is_now(chat: ChatProcesses) -> None:
    ann, _, path = await _pair(chat)
    draft = {"body": "a secret that slipped out", "client_message_id": "one"}
    sent = await ann.api.post(f"{path}/messages", draft)
    keyed = await ann.api.post(f"{path}/messages", draft, key="k-1")
    assert keyed["id"] == sent["id"]
    await _delete(ann.api, sent["id"])
    for again in (
        await ann.api.post(f"{path}/messages", draft),
        await ann.api.post(f"{path}/messages", draft, key="k-1"),
    ):
        assert (again["id"], again["body"]) == (sent["id"], "")


def apply(messages: dict[str, dict[str, Any]], event: dict[str, Any]) -> None:
    """What a client does with an event."""
    if event["type"] == "message.sent":
        messages[event["message"]["id"]] = dict(event["message"])
    elif event["type"] in ("message.edited", "message.deleted"):
        fields = ("body", "edited_at", "deleted_at", "deleted_by")
        messages[event["message_id"]].update({name: event[name] for name in fields})
    else:
        name = {"message.delivered": "delivered_to", "message.read": "read_by"}[event["type"]]
        marks = messages[event["message_id"]][name]
        marks.append({"user_id": event["user_id"], "at": event["at"]})


async def test_who_follows_the_events_ends_where_the_list_is_on_every_replica_and_after_a_resume(
    chat: ChatProcesses,
) -> None:
    ann, ben, path = await _pair(chat)
    followers = [ben.replicas[0].live(f"{path}/ws"), ben.replicas[1].live(f"{path}/ws")]
    late = ben.replicas[1].live(f"{path}/ws")
    async with followers[0], followers[1], late, ann.api.live(f"{path}/ws") as hers:
        ids = [
            (await hers.request("send", body=f"number {number}"))["message"]["id"]
            for number in range(6)
        ]
        seen: dict[str, dict[str, Any]] = {}
        for _ in ids:
            apply(seen, (await late.next())["event"])
        await late.drop()
        await asyncio.gather(
            _edit(ann.api, ids[0], "first edit"),
            _edit(ann.replicas[1], ids[1], "an edit elsewhere"),
            _delete(ann.replicas[1], ids[2]),
            ben.api.post(f"/api/v1/messages/{ids[3]}/read"),
        )
        await _edit(ann.api, ids[0], "second edit")
        await _delete(ann.api, ids[1])
        await hers.request("send", body="the last one")
        welcome = await late.resume()
        assert (welcome["recovered"], welcome["replayed"]) == (True, 8)
        listed = {item["id"]: item for item in await _items(ann, path)}
        for _ in range(8):
            apply(seen, (await late.next())["event"])
        assert seen == listed
        for live in (*followers, hers):
            messages: dict[str, dict[str, Any]] = {}
            for _ in range(14):
                apply(messages, (await live.next())["event"])
            assert messages == listed
    assert [listed[one]["body"] for one in ids[:3]] == ["second edit", "", ""]


async def test_who_was_away_never_gets_a_text_that_was_taken_back(chat: ChatProcesses) -> None:
    ann, ben, path = await _pair(chat)
    async with ben.api.live(f"{path}/ws") as his:
        await his.drop()
        message_id = await _say(ann, path, "slipped out")
        await _edit(ann.api, message_id, "slipped out too")
        other = await _say(ann, path, "with a typo")
        await _edit(ann.api, other, "without")
        await _delete(ann.api, message_id)
        welcome = await his.resume()
        assert (welcome["recovered"], welcome["replayed"]) == (True, 5)
        frames = [await his.next() for _ in range(5)]
        assert [frame["event"]["type"] for frame in frames] == [
            "message.sent",
            "message.edited",
            "message.sent",
            "message.edited",
            "message.deleted",
        ]
        assert "slipped" not in str(frames)
        assert "typo" not in str(frames)
    async with ben.api.live(f"{path}/ws") as fresh:
        bodies = [message["body"] for message in fresh.welcome["snapshot"]["messages"]]
        assert bodies == ["", "without"]


async def test_an_edit_of_an_archived_message_is_a_snapshot_not_a_hole(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, ben, path = await _pair(chat)
    async with ben.api.live(f"{path}/ws") as his:
        message_id = await _say(ann, path)
        await his.next("message.sent")
        await his.drop()
        await _edit(ann.api, message_id)
        await rows.execute(
            "UPDATE messages SET archived_at = now() WHERE id = $1", UUID(message_id)
        )
        welcome = await his.resume()
        assert (welcome["recovered"], welcome["snapshot"]["messages"]) == (False, [])
