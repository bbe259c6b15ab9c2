"""Moderators' search: all that is retained is found, indexed or not yet, and nothing expired."""

import asyncio
from datetime import timedelta

import asyncpg
import orjson
import pytest
from factories.case_desk import CaseDesk, message_of
from factories.chat_archive import ANCIENT, FRESH, OLD, Past, converse, tables_with
from factories.identity_stand_in import IdentityStandIn
from factories.moderation_desk import Desk
from factories.running_api import Reply
from parlor_chat.usecases.index_messages import IndexMessages
from parlor_kit.clock import now, rfc3339
from parlor_kit.database import Database
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration


@pytest.fixture
async def cases(desk: Desk, identity: IdentityStandIn, rows: asyncpg.Connection) -> CaseDesk:
    sender, reporter = identity.user("customer"), identity.user("customer")
    past = await converse(rows, [FRESH], people=(reporter.id, sender.id))
    return CaseDesk(
        desk.served,
        identity,
        desk.admin,
        desk.moderator,
        sender,
        reporter,
        past.id,
        await message_of(rows, past.id),
    )


@pytest.fixture
def index(database: Database) -> IndexMessages:
    return IndexMessages(database)


def word(past: Past, place: int = 0) -> str:
    """What no other text has: the middle of `the secret <word> of <conversation>`."""
    return past.texts[place].split()[2]


def bodies(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.body
    return [message["body"] for message in reply.body["items"]]


async def test_what_was_just_said_is_found_before_it_is_indexed_and_after(
    cases: CaseDesk, index: IndexMessages, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [OLD, FRESH * 2, FRESH])
    await rows.execute("UPDATE messages SET archived_at = now() WHERE sent_at < $1", now() - OLD)
    for indexed in (False, True):
        if indexed:
            await index()
            assert await rows.fetchval("SELECT count(*) FROM message_search") == 4
        for place, text in enumerate(past.texts):
            assert bodies(await cases.search(word(past, place))) == [text]
        assert bodies(await cases.search(f'"secret {word(past)}"')) == [past.texts[0]]
        assert bodies(await cases.search(f"secret -{word(past)} {past.id}")) == [
            past.texts[2],
            past.texts[1],
        ]
        states = await cases.search("secret", conversation_id=str(past.id))
        assert [item["state"] for item in states.body["items"]] == ["active", "active", "archived"]
        assert bodies(await cases.search("nobody said this")) == []


async def test_every_version_is_found_and_shown(
    cases: CaseDesk, index: IndexMessages, rows: asyncpg.Connection
) -> None:
    await rows.execute("UPDATE messages SET sent_at = now()")
    sent = await rows.fetchval("SELECT body FROM messages WHERE id = $1", cases.message_id)
    path = f"/messages/{cases.message_id}"
    await cases.call(cases.sender, "PATCH", path, json={"body": "an innocent pelican"})
    await cases.call(cases.sender, "DELETE", path)
    await index()
    for words in (sent.split()[2], "pelican"):
        (found,) = (await cases.search(words)).body["items"]
        assert found["id"] == str(cases.message_id)
        assert [version["body"] for version in found["versions"]] == [
            sent,
            "an innocent pelican",
            None,
        ]


async def test_a_search_is_paged_and_narrowed(
    cases: CaseDesk, index: IndexMessages, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH * days for days in range(7, 0, -1)])
    await index()
    found: list[str] = []
    page = await cases.search(str(past.id), limit="3")
    found += bodies(page)
    for _ in range(2):
        page = await cases.search(str(past.id), limit="3", cursor=page.body["next_cursor"])
        found += bodies(page)
    assert found == list(past.texts[::-1])
    assert page.body["next_cursor"] is None
    by_one = await cases.search("secret", sender_id=str(past.people[0]))
    assert {item["sender_id"] for item in by_one.body["items"]} == {str(past.people[0])}
    moment = rfc3339(now() - timedelta(hours=1))
    assert bodies(await cases.search("secret", sent_after=moment)) == []
    assert len(bodies(await cases.search("secret", sent_before=moment))) == 8
    for ever in ("0001-01-01T00:00:00Z", "1969-07-20T20:17:40Z"):
        assert len(bodies(await cases.search("secret", sent_after=ever))) == 8
    assert bodies(await cases.search("secret", sent_after="9999-12-31T23:59:59Z")) == []


async def test_a_search_says_what_for_and_why(cases: CaseDesk, rows: asyncpg.Connection) -> None:
    for query in (
        {"reason": ""},
        {"reason": "no"},
        {"q": ""},
        {"q": "?!"},
        {"q": "x" * 201},
        {"q": "nul \0"},
        {"cursor": "nonsense"},
        {"sent_after": "yesterday"},
        {"limit": "0"},
    ):
        asked = {"q": "secret", "reason": "a report"} | query
        reply = await cases.call(cases.moderator, "GET", "/admin/moderation/search", params=asked)
        assert (reply.status, reply.code) == (422, "validation_failed"), query
    assert await rows.fetchval("SELECT count(*) FROM audit_records") == 0


async def test_a_search_is_recorded_with_what_was_shown_and_without_its_words(
    cases: CaseDesk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH])
    for _ in range(2):
        await cases.search(word(past), reason="report 17", conversation_id=str(past.id))
    records = await rows.fetch("SELECT * FROM audit_records ORDER BY id")
    assert [record["action"] for record in records] == ["message.searched"] * 2
    for record in records:
        assert (record["actor"], record["reason"]) == (str(cases.moderator.id), "report 17")
        assert record["conversation_id"] == past.id
    first, second = (orjson.loads(record["details"]) for record in records)
    assert first["message_ids"] == [str(await message_of(rows, past.id))]
    assert first["words_digest"] == second["words_digest"]
    assert not {"audit_records", "outbox"} & set(await tables_with(rows, [word(past)]))


async def test_of_what_expired_nothing_is_found_and_nothing_is_left(
    cases: CaseDesk, desk: Desk, index: IndexMessages, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [ANCIENT, ANCIENT, FRESH])
    await rows.execute(
        "INSERT INTO message_versions SELECT id, 2, conversation_id, 100, 'edited', $2, "
        "sender_id, sent_at FROM messages WHERE conversation_id = $1 AND seq = 1",
        past.id,
        f"edited {word(past, 1)}",
    )
    await index()
    assert len(bodies(await cases.search(word(past, 1)))) == 2
    assert (await desk.expire()).body["expired"] == 2
    assert bodies(await cases.search(word(past, 1))) == []
    assert bodies(await cases.search(str(past.id))) == [past.texts[2]]
    assert await tables_with(rows, [word(past, 0), word(past, 1)]) == {}


async def test_what_commits_late_is_indexed_all_the_same(
    database: Database, index: IndexMessages, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH])
    await index()
    late = await asyncpg.connect(database.url)
    try:
        async with late.transaction():
            await late.execute(
                "INSERT INTO messages (id, conversation_id, seq, event_seq, sender_id, kind, body, "
                "sent_at) VALUES ($1, $2, 2, 99, $3, 'user', 'a late pelican', clock_timestamp())",
                new_id(),
                past.id,
                past.people[0],
            )
            other = await converse(rows, [timedelta(0)])
            await index()
            assert await rows.fetchval("SELECT count(*) FROM message_search") == 1
    finally:
        await late.close()
    await index()
    found = await rows.fetch("SELECT conversation_id FROM message_search")
    assert sorted(row["conversation_id"] for row in found) == sorted([past.id, past.id, other.id])


async def test_several_workers_index_everything_once(
    database: Database, rows: asyncpg.Connection
) -> None:
    for _ in range(3):
        await converse(rows, [ANCIENT, OLD, FRESH, timedelta(0)])
    await asyncio.gather(*(IndexMessages(database)() for _ in range(4)))
    await IndexMessages(database)()
    assert await rows.fetchval("SELECT count(*) FROM message_search") == 12
