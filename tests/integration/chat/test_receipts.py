"""Receipts: recipients only, the first time stands, and read implies delivered."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from factories.chat_processes import ChatProcesses, Talker
from parlor_dev.client import Refused

pytestmark = pytest.mark.integration


async def _message(chat: ChatProcesses, *talkers: Talker) -> tuple[str, str]:
    """A message of the first of `talkers`: its conversation and its path."""
    conversation_id = await chat.conversation(*talkers)
    message = await talkers[0].api.post(
        f"/api/v1/conversations/{conversation_id}/messages", {"body": "hello"}
    )
    return conversation_id, f"/api/v1/messages/{message['id']}"


async def test_only_recipients_have_any(chat: ChatProcesses) -> None:
    ann, ben, eve = chat.talker(), chat.talker(), chat.talker("moderator")
    _, path = await _message(chat, ann, ben)
    for api, status, code in (
        (ben.api.caller(None), 401, "unauthenticated"),
        (eve.api, 404, "not_found"),
        (ann.api, 403, "not_a_recipient"),
    ):
        for kind in ("delivered", "read"):
            with pytest.raises(Refused) as refused:
                await api.post(f"{path}/{kind}")
            assert (refused.value.status, refused.value.code) == (status, code)
    with pytest.raises(Refused) as refused:
        await ben.api.post("/api/v1/messages/nothing/read")
    assert refused.value.status == 404


async def test_the_first_time_stands_and_the_sender_sees_it(chat: ChatProcesses) -> None:
    ann, ben, cat = chat.talker(), chat.talker(), chat.talker()
    conversation_id, path = await _message(chat, ann, ben, cat)
    delivered = await ben.api.post(f"{path}/delivered")
    assert (delivered["user_id"], delivered["read_at"]) == (str(ben.id), None)
    read = await ben.api.post(f"{path}/read")
    assert read["delivered_at"] == delivered["delivered_at"] < read["read_at"]
    assert await ben.api.post(f"{path}/read") == read
    assert await ben.api.post(f"{path}/delivered") == read
    at_once = await cat.api.post(f"{path}/read")
    assert at_once["delivered_at"] == at_once["read_at"]
    (item,) = (await ann.api.get(f"/api/v1/conversations/{conversation_id}/messages"))["items"]
    assert item["delivered_to"] == [
        {"user_id": str(ben.id), "at": read["delivered_at"]},
        {"user_id": str(cat.id), "at": at_once["delivered_at"]},
    ]
    assert [mark["user_id"] for mark in item["read_by"]] == [str(ben.id), str(cat.id)]


async def test_receipts_racing_are_two_events_and_one_record(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, ben = chat.talker(), chat.talker()
    conversation_id, path = await _message(chat, ann, ben)
    answers = await asyncio.gather(
        *(
            ben.replicas[number % 2].post(f"{path}/{'read' if number % 3 else 'delivered'}")
            for number in range(30)
        )
    )
    assert len({answer["delivered_at"] for answer in answers}) == 1
    assert len({answer["read_at"] for answer in answers} - {None}) == 1
    row = await rows.fetchrow(
        "SELECT c.event_seq, r.delivered_event_seq, r.read_event_seq FROM conversations c "
        "JOIN receipts r ON r.conversation_id = c.id WHERE c.id = $1",
        conversation_id,
    )
    assert tuple(row) == (3, 2, 3)
