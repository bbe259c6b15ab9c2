"""A month in which nothing has to stay goes at once; whatever has to stay keeps its month."""

import asyncio
from datetime import timedelta

import asyncpg
import orjson
import pytest
from factories.chat_archive import ADMIN, ANCIENT, FRESH, PlacesHold, converse, retained
from factories.polling import until_true
from parlor_chat.usecases.expiry_runs import ExpiryRun
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


async def test_a_hold_that_commits_before_the_drop_keeps_the_month(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    past = await converse(rows, [ANCIENT] * 3)
    other = await converse(rows, [ANCIENT] * 3)
    holding = await asyncpg.connect(database.url)
    try:
        async with holding.transaction():
            await place_hold(
                Transaction(holding), ADMIN, past.id, matter="M-1", reason="a court asks"
            )
            running = asyncio.ensure_future(expiry(ADMIN, REAL))

            async def at_the_gate() -> bool:
                return bool(
                    await rows.fetchval(
                        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted "
                        "AND locktype = 'advisory' AND mode = 'ExclusiveLock')"
                    )
                )

            await until_true(at_the_gate)
            assert await rows.fetchval("SELECT count(*) FROM archive_expiry_drafts") == 1
    finally:
        await holding.close()
    run = await running
    assert (run.expired, run.held, run.months_dropped) == (3, 3, 0)
    assert [await retained(rows, each.id) for each in (past, other)] == [3, 0]
    assert len((await manifest(database, run)).splitlines()) == 9  # the held are archived as well
    assert await rows.fetchval("SELECT count(*) FROM archive_expiry_drafts") == 0


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
