"""A month in which nothing has to stay goes at once; whatever has to stay keeps its month."""

import asyncio
from datetime import timedelta

import asyncpg
import orjson
import pytest
from factories.chat_archive import ADMIN, ANCIENT, FRESH, PlacesHold, converse, retained
from factories.locks import waits_at_the_gate
from factories.polling import until_true
from parlor_chat.usecases.expiry_runs import ExpiryRun
from parlor_chat.usecases.expiry_traces import forget_retries_alone
from parlor_chat.usecases.hold_coverage import enter_gate
from parlor_chat.usecases.place_hold import place_hold
from parlor_chat.usecases.run_archive_expiry import RunArchiveExpiry, RunOrder
from parlor_chat.usecases.view_expiry_runs import ExpiryRuns
from parlor_kit.clock import now
from parlor_kit.database import Database, Transaction

pytestmark = pytest.mark.integration

_EDITED = """
INSERT INTO message_versions
    (message_id, version, conversation_id, event_seq, kind, body, by_user_id, at)
SELECT id, 2, conversation_id, 1000 + seq, 'edited', body, id, sent_at FROM messages
"""

_INDEXED = """
INSERT INTO message_search (message_id, conversation_id, document)
SELECT id, conversation_id, to_tsvector('simple', body) FROM messages
"""

# What a repeated request about a message of the conversation is answered from.
_RETRIES = """
SELECT kind AS about, key, message_id FROM message_keys WHERE conversation_id = $1
UNION ALL
SELECT 'answer', key, object_id FROM idempotency_records
WHERE key IN (SELECT message_id::text FROM message_keys WHERE conversation_id = $1)
ORDER BY 1, 2
"""

_REPEATED_WITH_A_NEW_KEY = """
INSERT INTO message_keys (conversation_id, sender_id, kind, key, message_id, digest, created)
SELECT conversation_id, sender_id, 'idempotency', 'a new key', id, sha256(''), false
FROM messages WHERE conversation_id = $1
"""

REAL = RunOrder()
DRY = RunOrder(dry_run=True)


async def manifest(database: Database, run: ExpiryRun) -> bytes:
    return b"".join([part async for part in ExpiryRuns(database).manifest(run.id)])


async def ancient_month_is_there(rows: asyncpg.Connection) -> bool:
    return bool(
        await rows.fetchval(
            "SELECT EXISTS (SELECT FROM message_months WHERE month = month_of($1))",
            now() - ANCIENT,
        )
    )


async def test_a_month_in_which_nothing_is_held_is_dropped_with_all_its_traces(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    pasts = [await converse(rows, [ANCIENT] * 7 + [FRESH] * 2) for _ in range(5)]
    await rows.execute(_EDITED)
    await rows.execute(_INDEXED)
    dry = await expiry(ADMIN, DRY)
    assert await ancient_month_is_there(rows)
    run = await expiry(ADMIN, REAL)
    assert not await ancient_month_is_there(rows)
    assert (run.expired, run.months_dropped) == (35, 1)
    assert [await retained(rows, past.id) for past in pasts] == [2] * 5
    for table in ("receipts", "message_keys", "message_versions", "message_search"):
        assert (
            await rows.fetchval(
                f"SELECT count(*) FROM {table} WHERE message_id NOT IN (SELECT id FROM messages)"
            )
            == 0
        )
    assert await rows.fetchval("SELECT count(*) FROM idempotency_records") == 10
    assert (dry.expired, dry.months_dropped) == (35, 0)
    assert await manifest(database, run) == await manifest(database, dry)
    lines = [orjson.loads(line) for line in (await manifest(database, run)).splitlines()]
    assert sorted({line["seq"] for line in lines}) == list(range(1, 8))


async def test_a_held_message_keeps_its_month_and_the_others_go_one_by_one(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, hold: PlacesHold
) -> None:
    kept, gone = [await converse(rows, [ANCIENT] * 3) for _ in range(2)]
    await hold(kept.id)
    run = await expiry(ADMIN, REAL)
    assert (run.expired, run.held, run.months_dropped) == (3, 3, 0)
    assert [await retained(rows, past.id) for past in (kept, gone)] == [3, 0]
    assert await ancient_month_is_there(rows)


async def test_a_hold_that_commits_before_the_drop_keeps_the_month_and_all_that_belongs_to_it(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    past = await converse(rows, [ANCIENT] * 3)
    other = await converse(rows, [ANCIENT] * 3)
    before = await rows.fetch(_RETRIES, past.id)
    holding = await asyncpg.connect(database.url)
    try:
        async with holding.transaction():
            await place_hold(
                Transaction(holding), ADMIN, past.id, matter="M-1", reason="a court asks"
            )
            running = asyncio.ensure_future(expiry(ADMIN, REAL))
            await until_true(lambda: waits_at_the_gate(rows))
            assert await rows.fetch(_RETRIES, past.id) == before
    finally:
        await holding.close()
    run = await running
    assert (run.expired, run.held, run.months_dropped) == (3, 3, 0)
    assert [await retained(rows, each.id) for each in (past, other)] == [3, 0]
    assert len((await manifest(database, run)).splitlines()) == 7  # the held are archived as well
    assert await rows.fetch(_RETRIES, past.id) == before
    assert await rows.fetch(_RETRIES, other.id) == []


async def test_a_run_that_is_cancelled_before_the_drop_leaves_the_month_and_its_keys(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    past = await converse(rows, [ANCIENT] * 3)
    before = await rows.fetch(_RETRIES, past.id)
    forgetting = await asyncpg.connect(database.url)
    try:
        async with forgetting.transaction():
            await forget_retries_alone(forgetting)
            running = asyncio.ensure_future(expiry(ADMIN, REAL))
            await until_true(lambda: waits_at_the_gate(rows))
            (left,), _ = await ExpiryRuns(database).page(50, None)
            await expiry.cancel(ADMIN, left.id)
    finally:
        await forgetting.close()
    run = await running
    assert (run.state, run.expired) == ("cancelled", 0)
    assert await manifest(database, run) == b""
    assert await rows.fetch(_RETRIES, past.id) == before


async def test_a_key_that_comes_while_its_month_goes_does_not_stay_behind(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    past = await converse(rows, [ANCIENT])
    holding = await asyncpg.connect(database.url)
    try:
        async with holding.transaction():
            await enter_gate(holding)
            running = asyncio.ensure_future(expiry(ADMIN, REAL))
            await until_true(lambda: waits_at_the_gate(rows))
            await rows.execute(_REPEATED_WITH_A_NEW_KEY, past.id)
    finally:
        await holding.close()
    assert (await running).months_dropped == 1
    assert await rows.fetchval("SELECT count(*) FROM message_keys") == 0


async def test_nobody_waits_for_a_month_that_somebody_reads(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    past = await converse(rows, [ANCIENT] * 3)
    reading = await asyncpg.connect(database.url)
    try:
        async with reading.transaction():
            await reading.fetch("SELECT count(*) FROM messages")
            run = await expiry(ADMIN, REAL)
    finally:
        await reading.close()
    assert (run.state, run.expired, run.months_dropped) == ("finished", 3, 0)
    assert await retained(rows, past.id) == 0
    assert (await expiry(ADMIN, REAL)).months_dropped == 1  # it is empty now


async def test_a_month_whose_last_days_are_not_due_is_no_whole_month(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    moment = now()
    ends = (moment - timedelta(days=365)).replace(day=28)
    await rows.execute("SELECT make_message_months(month_of($1), month_of($1))", ends)
    before, after = moment - timedelta(days=366), moment - timedelta(days=364)
    past = await converse(rows, [moment - before, moment - after])
    run = await expiry(ADMIN, REAL)
    assert run.expired == 1
    assert await retained(rows, past.id) == 1
