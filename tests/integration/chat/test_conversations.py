"""Conversations: who may make one, the single one of two people, and what their list shows."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from factories.chat_processes import ChatProcesses
from parlor_dev.client import Refused

pytestmark = pytest.mark.integration
PATH = "/api/v1/conversations"


async def test_it_is_refused_without_a_token_a_relationship_or_somebody_else(
    chat: ChatProcesses,
) -> None:
    ann, ben = chat.talker(), chat.talker()
    with pytest.raises(Refused) as refused:
        await ann.api.caller(None).post(PATH, {"participant_ids": [str(ben.id)]})
    assert (refused.value.status, refused.value.code) == (401, "unauthenticated")
    chat.customer.part(ann.id, ben.id)
    with pytest.raises(Refused) as refused:
        await ann.api.post(PATH, {"participant_ids": [str(ben.id)]})
    assert (refused.value.status, refused.value.code) == (403, "not_entitled")
    bodies: tuple[dict[str, object], ...] = (
        {},
        {"participant_ids": []},
        {"participant_ids": [str(ann.id)]},
        {"participant_ids": ["somebody"]},
        {"participant_ids": [str(ben.id)], "title": ""},
        {"participant_ids": [str(ben.id)], "colour": "red"},
        {"participant_ids": [str(chat.talker().id) for _ in range(50)]},
    )
    for body in bodies:
        with pytest.raises(Refused) as refused:
            await ann.api.post(PATH, body)
        assert (refused.value.status, refused.value.code) == (422, "validation_failed"), body
        assert refused.value.problem["errors"]


async def test_one_stranger_in_a_group_refuses_all_of_it(chat: ChatProcesses) -> None:
    ann, ben, cat = chat.talker(), chat.talker(), chat.talker()
    chat.customer.part(ben.id, cat.id)
    with pytest.raises(Refused) as refused:
        await chat.conversation(ann, ben, cat)
    assert refused.value.code == "not_entitled"


async def test_customer_is_asked_once_for_all_pairs(chat: ChatProcesses) -> None:
    people = [chat.talker() for _ in range(4)]
    chat.customer.asked.clear()
    await chat.conversation(*people)
    assert [len(pairs) for pairs in chat.customer.asked] == [6]


async def test_nobody_else_learns_that_it_exists(chat: ChatProcesses) -> None:
    ann, ben, eve = chat.talker(), chat.talker(), chat.talker("moderator")
    path = f"{PATH}/{await chat.conversation(ann, ben)}"
    for attempt in (path, f"{path}/messages"):
        with pytest.raises(Refused) as refused:
            await eve.api.get(attempt)
        assert (refused.value.status, refused.value.code) == (404, "not_found")
    for attempt in (f"{path}/messages", f"{path}/ws-ticket"):
        with pytest.raises(Refused) as refused:
            await eve.api.post(attempt, {"body": "hello"})
        assert (refused.value.status, refused.value.code) == (404, "not_found")


async def test_twenty_attempts_of_two_people_at_once_make_one(chat: ChatProcesses) -> None:
    ann, ben = chat.talker(), chat.talker()
    answers = await asyncio.gather(
        *(
            one.replicas[number % 2].answer("POST", PATH, {"participant_ids": [str(other.id)]})
            for number in range(10)
            for one, other in ((ann, ben), (ben, ann))
        )
    )
    assert sorted(status for status, _ in answers) == [200] * 19 + [201]
    assert len({view["id"] for _, view in answers}) == 1


async def test_the_same_key_gives_the_first_answer_even_when_no_longer_entitled(
    chat: ChatProcesses,
) -> None:
    ann, ben, cat = chat.talker(), chat.talker(), chat.talker()
    body = {"participant_ids": [str(ben.id), str(cat.id)], "title": "Hearts on Friday"}
    answers = await asyncio.gather(
        *(ann.api.answer("POST", PATH, body, key="group-1") for _ in range(10))
    )
    assert {status for status, _ in answers} == {201}
    assert len({view["id"] for _, view in answers}) == 1
    chat.customer.part(ann.id, ben.id)
    assert await ann.api.answer("POST", PATH, body, key="group-1") == answers[0]
    with pytest.raises(Refused) as refused:
        await ann.api.post(PATH, {"participant_ids": [str(ben.id)]}, key="group-1")
    assert (refused.value.status, refused.value.code) == (409, "idempotency_key_reused")


async def test_the_view_names_everybody_and_the_event_follows(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, ben = chat.talker(), chat.talker()
    status, view = await ann.api.answer("POST", PATH, {"participant_ids": [str(ben.id)]})
    assert status == 201
    assert [one["user_id"] for one in view["participants"]] == [str(ann.id), str(ben.id)]
    assert (view["kind"], view["title"], view["status"]) == ("direct", None, "open")
    assert (view["last_seq"], view["unread_count"]) == (0, 0)
    assert view["created_at"] == view["participants"][0]["joined_at"]
    assert view == await ann.api.get(f"{PATH}/{view['id']}")
    errors = await rows.fetchval("SELECT count(*) FROM outbox WHERE error IS NOT NULL")
    assert errors == 0


async def test_the_list_pages_from_the_newest_and_counts_what_is_unread(
    chat: ChatProcesses,
) -> None:
    ann = chat.talker()
    others = [chat.talker() for _ in range(5)]
    ids = [await chat.conversation(ann, other) for other in others]
    for number in range(3):
        await others[-1].api.post(f"{PATH}/{ids[-1]}/messages", {"body": f"number {number}"})
    message = await ann.api.post(f"{PATH}/{ids[-1]}/messages", {"body": "mine"})
    assert message["seq"] == 4
    found, cursor = [], ""
    while cursor is not None:
        page = await ann.api.get(f"{PATH}?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        found += page["items"]
        cursor = page["next_cursor"]
    assert [view["id"] for view in found] == ids[::-1]
    assert (found[0]["last_seq"], found[0]["unread_count"]) == (4, 3)
    for bad in ("cursor=nonsense", "limit=0", "limit=201", "page=2"):
        with pytest.raises(Refused) as refused:
            await ann.api.get(f"{PATH}?{bad}")
        assert refused.value.status == 422
