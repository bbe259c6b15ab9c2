"""Messages by HTTP: refusals, one row however often it is sent, order without a gap, pages."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from factories.chat_processes import ChatProcesses, Talker
from parlor_dev.client import Refused

pytestmark = pytest.mark.integration


def _messages(conversation_id: str) -> str:
    return f"/api/v1/conversations/{conversation_id}/messages"


async def _pair(chat: ChatProcesses) -> tuple[Talker, Talker, str]:
    ann, ben = chat.talker(), chat.talker()
    return ann, ben, _messages(await chat.conversation(ann, ben))


async def test_it_is_refused_to_others_and_when_it_is_not_a_message(chat: ChatProcesses) -> None:
    ann, _, path = await _pair(chat)
    for api, status, code in (
        (ann.api.caller(None), 401, "unauthenticated"),
        (chat.talker().api, 404, "not_found"),
        (chat.talker("admin").api, 404, "not_found"),
    ):
        with pytest.raises(Refused) as refused:
            await api.post(path, {"body": "hello"})
        assert (refused.value.status, refused.value.code) == (status, code)
    for body in (
        {},
        {"body": ""},
        {"body": "x" * 4001},
        {"body": 7},
        {"body": "nul \x00"},
        {"body": "hello", "client_message_id": ""},
        {"body": "hello", "sender_id": str(ann.id)},
    ):
        with pytest.raises(Refused) as refused:
            await ann.api.post(path, body)
        assert (refused.value.status, refused.value.code) == (422, "validation_failed"), body
    assert (await ann.api.get(path))["items"] == []


async def test_fifty_senders_at_once_leave_no_gap_and_one_order(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    people = [chat.talker() for _ in range(50)]
    conversation_id = await chat.conversation(*people)
    async with people[0].api.live(f"/api/v1/conversations/{conversation_id}/ws") as live:
        answers = await asyncio.gather(
            *(
                one.replicas[number % 2].post(
                    _messages(conversation_id), {"body": f"{place} says {number}"}
                )
                for place, one in enumerate(people)
                for number in range(6)
            )
        )
        assert sorted(view["seq"] for view in answers) == list(range(1, 301))
        streamed = [(await live.next("message.sent"))["event"]["message"] for _ in range(300)]
    stored = await rows.fetch(
        "SELECT id::text, seq FROM messages WHERE conversation_id = $1 ORDER BY seq",
        conversation_id,
    )
    assert [view["id"] for view in streamed] == [row["id"] for row in stored]
    assert [row["seq"] for row in stored] == list(range(1, 301))


async def test_the_same_client_message_id_twenty_times_at_once_is_one_message(
    chat: ChatProcesses,
) -> None:
    ann, ben, path = await _pair(chat)
    body = {"body": "only once", "client_message_id": "c-1"}
    answers = await asyncio.gather(
        *(ann.replicas[number % 2].answer("POST", path, body) for number in range(20))
    )
    assert sorted(status for status, _ in answers) == [200] * 19 + [201]
    assert len({view["id"] for _, view in answers}) == 1
    assert {view["seq"] for _, view in answers} == {1}
    other = await ben.api.answer("POST", path, body)
    assert other[0] == 201
    assert other[1]["seq"] == 2


async def test_the_same_idempotency_key_twenty_times_at_once_is_one_answer(
    chat: ChatProcesses,
) -> None:
    ann, ben, path = await _pair(chat)
    answers = await asyncio.gather(
        *(
            ann.replicas[number % 2].answer("POST", path, {"body": "keyed"}, key="k-1")
            for number in range(20)
        )
    )
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 201
    with pytest.raises(Refused) as refused:
        await ann.api.post(path, {"body": "something else"}, key="k-1")
    assert (refused.value.status, refused.value.code) == (409, "idempotency_key_reused")
    assert (await ben.api.answer("POST", path, {"body": "something else"}, key="k-1"))[0] == 201
    assert len((await ann.api.get(path))["items"]) == 2


async def test_a_key_remembers_that_its_first_answer_was_a_repeat(chat: ChatProcesses) -> None:
    ann, _, path = await _pair(chat)
    body = {"body": "hello", "client_message_id": "c-1"}
    first = await ann.api.answer("POST", path, body)
    assert first[0] == 201
    assert await ann.api.answer("POST", path, body, key="late") == (200, first[1])
    assert await ann.api.answer("POST", path, body, key="late") == (200, first[1])


async def test_pages_lead_both_ways_with_the_newest_last(chat: ChatProcesses) -> None:
    ann, ben, path = await _pair(chat)
    for number in range(1, 12):
        await ann.api.post(path, {"body": f"number {number}"})

    async def seqs(query: str) -> list[list[int]]:
        pages, cursor = [], ""
        while cursor is not None:
            page = await ben.api.get(f"{path}?{query}" + (f"&cursor={cursor}" if cursor else ""))
            query = "limit=4"
            pages.append([item["seq"] for item in page["items"]])
            cursor = page["next_cursor"]
        return pages

    assert await seqs("limit=4") == [[8, 9, 10, 11], [4, 5, 6, 7], [1, 2, 3]]
    assert await seqs("limit=4&after_seq=0") == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11]]
    assert await seqs("limit=4&before_seq=6") == [[2, 3, 4, 5], [1]]
    assert await seqs("limit=4&after_seq=2&before_seq=8") == [[3, 4, 5, 6], [7]]
    assert await seqs("limit=4&after_seq=11") == [[]]
    with pytest.raises(Refused) as refused:
        await ben.api.get(f"{path}?after_seq=1&cursor=x")
    assert refused.value.status == 422


async def test_archived_messages_are_out_of_sight(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, ben, path = await _pair(chat)
    views = [await ann.api.post(path, {"body": f"number {number}"}) for number in range(3)]
    await rows.execute("UPDATE messages SET archived_at = now() WHERE id = $1", views[0]["id"])
    assert [item["seq"] for item in (await ben.api.get(path))["items"]] == [2, 3]
    with pytest.raises(Refused) as refused:
        await ben.api.post(f"/api/v1/messages/{views[0]['id']}/read")
    assert (refused.value.status, refused.value.code) == (404, "not_found")


async def test_no_text_goes_to_kafka_or_the_logs(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, _, path = await _pair(chat)
    await ann.api.post(path, {"body": "a very private sentence"})
    found = await rows.fetchval("SELECT count(*) FROM outbox WHERE data LIKE '%private sentence%'")
    assert found == 0
    for log in chat.logs.glob("*.log"):
        assert b"private sentence" not in log.read_bytes()
