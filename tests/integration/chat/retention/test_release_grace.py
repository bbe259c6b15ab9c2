"""A release protects for its grace, and can be undone until then, whatever run is under way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from factories.chat_archive import ADMIN, ANCIENT, PlacesHold, converse, retained
from factories.locks import waits_at_the_gate
from factories.polling import until_true
from parlor_chat.retention_errors import GraceOver
from parlor_chat.usecases import hold_coverage
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.release_hold import ReleaseHold
from parlor_chat.usecases.restore_hold import RestoreHold
from parlor_chat.usecases.run_archive_expiry import RunArchiveExpiry, RunOrder
from parlor_chat.usecases.upsert_hold import HoldOrder, UpsertHold
from parlor_kit.database import Database

pytestmark = pytest.mark.integration

REAL = RunOrder()
OPERATOR = Actor("operator", "service")
WEEK = timedelta(days=7)


async def release(database: Database, hold_id: UUID, grace: timedelta = WEEK) -> None:
    await ReleaseHold(database, grace).one(ADMIN, hold_id)


async def end_of_grace(rows: asyncpg.Connection) -> None:
    await rows.execute("UPDATE holds SET protects_until = now() WHERE released_at IS NOT NULL")


@asynccontextmanager
async def a_batch(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The gate, taken alone as a batch of expiry does, on a connection of its own."""
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction():
            await hold_coverage.enter_gate_alone(connection)
            yield connection
    finally:
        await connection.close()


async def test_each_hold_has_a_grace_of_its_own(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, hold: PlacesHold
) -> None:
    past = await converse(rows, [ANCIENT] * 3)
    first, second = await hold(past.id, "M-1"), await hold(past.id, "M-2")
    await release(database, first.id, timedelta(0))
    await release(database, second.id)
    assert (await expiry(ADMIN, REAL)).held == 3
    await end_of_grace(rows)
    assert (await expiry(ADMIN, REAL)).expired == 3


async def test_a_custodian_s_hold_in_its_grace_covers_conversations_made_later(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    custodian, uid, upsert = uuid4(), uuid4(), UpsertHold(database, WEEK)
    await upsert(OPERATOR, uid, HoldOrder("M-1", "a court asks", [], [custodian], released=False))
    report = await upsert(
        OPERATOR, uid, HoldOrder("M-1", "a court asks", [], [custodian], released=True)
    )
    assert report.hold.protects
    later = await converse(rows, [ANCIENT] * 3, people=(uuid4(), custodian))
    other = await converse(rows, [ANCIENT] * 3)
    run = await expiry(ADMIN, REAL)
    assert (run.held, run.expired) == (3, 3)
    assert [await retained(rows, past.id) for past in (later, other)] == [3, 0]


async def test_a_restoration_that_meets_the_last_batch_is_refused_when_the_grace_is_over(
    database: Database, rows: asyncpg.Connection, hold: PlacesHold
) -> None:
    past = await converse(rows, [ANCIENT])
    placed = await hold(past.id)
    await release(database, placed.id)
    async with a_batch(database):
        restoring = asyncio.ensure_future(
            RestoreHold(database)(ADMIN, placed.id, reason="released by mistake")
        )
        await until_true(lambda: waits_at_the_gate(rows))
        await end_of_grace(rows)  # while it waits
    with pytest.raises(GraceOver):
        await restoring


async def test_a_restoration_within_the_grace_waits_for_the_batch_and_stands(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, hold: PlacesHold
) -> None:
    past = await converse(rows, [ANCIENT] * 3)
    placed = await hold(past.id)
    await release(database, placed.id)
    async with a_batch(database):
        restoring = asyncio.ensure_future(
            RestoreHold(database)(ADMIN, placed.id, reason="released by mistake")
        )
        await until_true(lambda: waits_at_the_gate(rows))
    assert (await restoring).active
    await end_of_grace(rows)
    assert (await expiry(ADMIN, REAL)).held == 3


async def test_whoever_deletes_is_told_what_is_held_and_keeps_holds_out_meanwhile(
    database: Database, rows: asyncpg.Connection, hold: PlacesHold
) -> None:
    held, released, ended, free = [await converse(rows, [ANCIENT]) for _ in range(4)]
    await hold(held.id)
    await release(database, (await hold(released.id)).id)
    await release(database, (await hold(ended.id)).id, timedelta(0))
    async with a_batch(database) as connection:
        found = await hold_coverage.held_among(
            connection, [past.id for past in (held, released, ended, free)]
        )
        assert found == {held.id, released.id}
        assert await hold_coverage.is_held(connection, held.id)
        assert not await hold_coverage.is_held(connection, free.id)
        placing = asyncio.ensure_future(hold(free.id))
        await until_true(lambda: waits_at_the_gate(rows))
        assert not placing.done()
    await placing
    assert await hold_coverage.is_held(rows, free.id)
