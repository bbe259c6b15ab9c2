"""What archive expiry archives, deletes and leaves, and what it says of it."""

import hashlib
from collections import Counter
from datetime import timedelta

import asyncpg
import orjson
import pytest
from factories.chat_archive import (
    ADMIN,
    ANCIENT,
    FRESH,
    OLD,
    SIGNER,
    PlacesHold,
    converse,
    retained,
    tables_with,
)
from parlor_chat.retention_errors import RunInProgress
from parlor_chat.signing import canonical
from parlor_chat.usecases.expiry_runs import ExpiryRun
from parlor_chat.usecases.expiry_session import ExpirySession
from parlor_chat.usecases.release_hold import ReleaseHold
from parlor_chat.usecases.run_archive_expiry import RunArchiveExpiry, RunOrder
from parlor_chat.usecases.view_expiry_runs import ExpiryRuns
from parlor_kit.clock import rfc3339
from parlor_kit.database import Database
from parlor_kit.idempotency import IdempotencyKey

pytestmark = pytest.mark.integration

DRY = RunOrder(dry_run=True)
REAL = RunOrder()


async def manifest(database: Database, run: ExpiryRun) -> bytes:
    return b"".join([part async for part in ExpiryRuns(database).manifest(run.id)])


async def states(rows: asyncpg.Connection, conversation_id: object) -> list[str]:
    found = await rows.fetch(
        "SELECT archived_at FROM messages WHERE conversation_id = $1 ORDER BY seq", conversation_id
    )
    return ["active" if row["archived_at"] is None else "archived" for row in found]


async def test_messages_are_archived_then_deleted_by_their_age(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    past = await converse(rows, [ANCIENT] * 2 + [OLD] * 3 + [FRESH] * 2)
    run = await expiry(ADMIN, REAL)
    assert (run.state, run.archived, run.expired, run.held) == ("finished", 3, 2, 0)
    assert await states(rows, past.id) == ["archived"] * 3 + ["active"] * 2
    again = await expiry(ADMIN, REAL)
    assert (again.archived, again.expired, again.held) == (0, 0, 0)
    assert again.manifest_sha256 == hashlib.sha256(b"").hexdigest()


async def test_nothing_of_an_expired_message_is_left_in_any_table(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    past = await converse(rows, [ANCIENT] * 30 + [FRESH] * 5)
    gone, kept = past.texts[:30], past.texts[30:]
    before = await tables_with(rows, gone)
    assert before["messages"] == 30
    assert before["idempotency_records"] == 30
    ids = await rows.fetch(
        "SELECT id FROM messages WHERE conversation_id = $1 AND seq <= 30", past.id
    )
    await expiry(ADMIN, REAL)
    assert await tables_with(rows, gone) == {}
    assert (await tables_with(rows, kept))["messages"] == 5
    # Their ids live on in the account of what went, and nowhere else.
    assert set(await tables_with(rows, [str(row["id"]) for row in ids])) == set()
    counts = await rows.fetchrow(
        "SELECT (SELECT count(*) FROM receipts) AS receipts, "
        "(SELECT count(*) FROM message_keys) AS keys, "
        "(SELECT count(*) FROM idempotency_records) AS answers"
    )
    fresh_users = await rows.fetchval("SELECT count(*) FROM messages WHERE kind = 'user'")
    assert counts["keys"] == 5 + fresh_users
    assert counts["answers"] == 5
    assert counts["receipts"] == await rows.fetchval(
        "SELECT count(*) FROM messages WHERE sender_id <> $1", past.people[0]
    )


async def test_held_messages_are_archived_but_stay(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, hold: PlacesHold
) -> None:
    past = await converse(rows, [ANCIENT, OLD, FRESH])
    placed = await hold(past.id)
    run = await expiry(ADMIN, REAL)
    assert (run.archived, run.expired, run.held) == (2, 0, 1)
    assert await states(rows, past.id) == ["archived", "archived", "active"]
    lines = [orjson.loads(line) for line in (await manifest(database, run)).splitlines()]
    first, kept, second = lines  # by month
    assert [(line["action"], line["seq"]) for line in (first, second)] == [
        ("archived", 1),
        ("archived", 2),
    ]
    sent_at = await rows.fetchval("SELECT sent_at FROM messages WHERE seq = 1")
    assert kept == {
        "action": "held",
        "conversation_id": str(past.id),
        "first_seq": 1,
        "holds": [str(placed.id)],
        "last_seq": 1,
        "messages": 1,
        "newest": rfc3339(sent_at),
        "oldest": rfc3339(sent_at),
    }
    assert await manifest(database, run) == b"".join(canonical(line) + b"\n" for line in lines)


async def test_what_is_held_is_told_by_conversation_however_much_it_is(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, hold: PlacesHold
) -> None:
    pasts = [await converse(rows, [ANCIENT] * 8, traces=False) for _ in range(3)]
    for past in pasts:
        await hold(past.id)
    await rows.execute("UPDATE messages SET archived_at = now()")
    run = await expiry(ADMIN, RunOrder(dry_run=True))
    assert run.held == 24
    lines = [orjson.loads(line) for line in (await manifest(database, run)).splitlines()]
    told: Counter[str] = Counter()
    for line in lines:
        told[line["conversation_id"]] += line["messages"]
    assert told == {str(past.id): 8 for past in pasts}
    assert len(lines) <= 5  # once more where a batch of ten ends in the midst of a conversation


async def test_a_release_lets_the_next_run_delete(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, hold: PlacesHold
) -> None:
    past = await converse(rows, [ANCIENT] * 4)
    await hold(past.id, "M-1")
    await hold(past.id, "M-2")
    release = ReleaseHold(database, timedelta(0))
    await release(ADMIN, past.id, "M-1")
    assert (await expiry(ADMIN, REAL)).held == 4
    await release(ADMIN, past.id, "M-2")
    assert (await expiry(ADMIN, REAL)).expired == 4
    assert await retained(rows, past.id) == 0


async def test_a_dry_run_changes_nothing_and_announces_what_the_real_run_does(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, hold: PlacesHold
) -> None:
    pasts = [await converse(rows, [ANCIENT] * 7 + [OLD] * 6 + [FRESH]) for _ in range(8)]
    await hold(pasts[3].id)
    dry = await expiry(ADMIN, DRY)
    assert dry.dry_run
    assert [await retained(rows, past.id) for past in pasts] == [14] * 8
    assert await rows.fetchval("SELECT count(*) FROM messages WHERE archived_at IS NOT NULL") == 0
    assert await rows.fetchval("SELECT count(*) FROM outbox WHERE type = 'archive_expiry.ran'") == 0
    real = await expiry(ADMIN, REAL)
    assert (real.archived, real.expired, real.held) == (dry.archived, dry.expired, dry.held)
    assert (real.archived, real.expired, real.held) == (8 * 6 + 7, 7 * 7, 7)
    assert await manifest(database, real) == await manifest(database, dry)
    assert real.manifest_sha256 == dry.manifest_sha256


async def test_the_manifest_is_canonical_sorted_and_as_its_digest_says(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    for _ in range(5):
        await converse(rows, [ANCIENT] * 12 + [OLD] * 12)
    run = await expiry(ADMIN, REAL)
    content = await manifest(database, run)
    assert hashlib.sha256(content).hexdigest() == run.manifest_sha256
    lines = content.splitlines(keepends=True)
    parsed = [orjson.loads(line) for line in lines]
    for line, value in zip(lines, parsed, strict=True):
        assert line == orjson.dumps(value, option=orjson.OPT_SORT_KEYS) + b"\n"
    order = [
        (value["sent_at"][:7], value["conversation_id"], value["seq"], value["action"])
        for value in parsed
    ]
    assert order == sorted(order)
    assert len(order) == len(set(order)) == 5 * 24
    assert sum(value["action"] == "expired" for value in parsed) == run.expired == 60


async def test_a_run_over_some_conversations_leaves_the_others(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    one, other = [await converse(rows, [ANCIENT] * 3) for _ in range(2)]
    run = await expiry(ADMIN, RunOrder(conversation_ids=[one.id]))
    assert run.expired == 3
    assert [await retained(rows, past.id) for past in (one, other)] == [0, 3]


async def test_a_run_tells_of_itself_in_an_event_and_in_the_audit_trail(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    await converse(rows, [ANCIENT, OLD])
    run = await expiry(ADMIN, REAL)
    (event,) = await rows.fetch("SELECT key, data FROM outbox")
    assert event["key"] == str(run.id)
    assert orjson.loads(event["data"]) | {"started_at": "", "finished_at": ""} == {
        "run_id": str(run.id),
        "state": "finished",
        "started_at": "",
        "finished_at": "",
        "archived": 1,
        "expired": 1,
        "held": 0,
        "manifest_sha256": run.manifest_sha256,
    }
    actions = await rows.fetch("SELECT action, actor, run_id FROM audit_records ORDER BY id")
    assert [tuple(row) for row in actions] == [
        ("archive_expiry.started", ADMIN.name, run.id),
        ("archive_expiry.finished", ADMIN.name, run.id),
    ]


async def test_one_run_at_a_time(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    session = await ExpirySession.open(database, SIGNER, batch_messages=10)
    with pytest.raises(RunInProgress):
        await expiry(ADMIN, REAL)
    assert await rows.fetchval("SELECT count(*) FROM archive_expiry_runs") == 0
    await session.close()


async def test_the_same_idempotency_key_names_the_same_run(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    await converse(rows, [ANCIENT])
    key = IdempotencyKey("admin POST /run", "once", b"digest")
    first = await expiry(ADMIN, REAL, key)
    await converse(rows, [ANCIENT])
    assert await expiry(ADMIN, REAL, key) == first
    assert await rows.fetchval("SELECT count(*) FROM messages") == 1
