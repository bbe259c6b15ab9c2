"""A hold and a run meet: whichever commits first decides, and the other one sees it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from factories.chat_archive import ADMIN, ANCIENT, OLD, PlacesHold, converse, retained
from factories.locks import waits_at_the_gate, waits_for_a_row
from factories.polling import until_true
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.place_hold import place_hold
from parlor_chat.usecases.run_archive_expiry import RunArchiveExpiry, RunOrder
from parlor_chat.usecases.upsert_hold import HoldOrder, HoldReport, UpsertHold
from parlor_kit.database import Database, Transaction

pytestmark = pytest.mark.integration

REAL = RunOrder()
OPERATOR = Actor("operator", "service")
GRACE = timedelta(0)


async def hold_custodians(database: Database, *users: UUID) -> HoldReport:
    order = HoldOrder("M-9", "a court asks", [], users, released=False)
    return await UpsertHold(database, GRACE)(OPERATOR, uuid4(), order)


@asynccontextmanager
async def separate(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A transaction on a connection that no task of the test can share by accident."""
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction():
            yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def sending(database: Database, conversation_id: UUID) -> AsyncIterator[None]:
    """Hold the conversation's row as a send does, so that a batch has to wait in its midst."""
    async with separate(database) as connection:
        await connection.execute(
            "SELECT FROM conversations WHERE id = $1 FOR NO KEY UPDATE", conversation_id
        )
        yield


async def test_a_hold_that_commits_first_wins_also_when_the_run_was_waiting(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    past = await converse(rows, [ANCIENT] * 5)
    async with separate(database) as connection:
        transaction = Transaction(connection)
        await place_hold(transaction, ADMIN, past.id, matter="M-1", reason="a court asks")
        running = asyncio.ensure_future(expiry(ADMIN, REAL))
        await until_true(lambda: waits_at_the_gate(rows))
    run = await running
    assert (run.expired, run.held) == (0, 5)
    assert await retained(rows, past.id) == 5


async def test_a_hold_that_comes_during_a_batch_waits_for_it_and_finds_what_is_left(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, hold: PlacesHold
) -> None:
    await hold((await converse(rows, [ANCIENT])).id)  # so that the month goes in batches
    past = await converse(rows, [ANCIENT] * 5)
    async with sending(database, past.id):
        running = asyncio.ensure_future(expiry(ADMIN, REAL))
        await until_true(lambda: waits_for_a_row(rows))
        placing = asyncio.ensure_future(hold(past.id))
        await until_true(lambda: waits_at_the_gate(rows))
        assert not placing.done()
    run = await running
    await placing
    assert (run.expired, run.held) == (5, 1)
    assert await retained(rows, past.id) == 0


async def test_a_custodians_hold_waits_for_the_batch_too_and_reports_what_is_left(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    past = await converse(rows, [ANCIENT] * 5 + [OLD] * 2)
    async with sending(database, past.id):
        running = asyncio.ensure_future(expiry(ADMIN, REAL))
        await until_true(lambda: waits_for_a_row(rows))
        placing = asyncio.ensure_future(hold_custodians(database, past.people[0]))
        await until_true(lambda: waits_at_the_gate(rows))
        assert not placing.done()
    await running
    report = await placing
    assert (report.covered.conversations, report.covered.messages) == (1, 2)


async def test_a_custodians_hold_covers_a_conversation_that_is_made_later(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    custodian = uuid4()
    await hold_custodians(database, custodian)
    later = await converse(rows, [ANCIENT] * 3, people=(uuid4(), custodian))
    other = await converse(rows, [ANCIENT] * 3)
    run = await expiry(ADMIN, REAL)
    assert (run.expired, run.held) == (3, 3)
    assert [await retained(rows, past.id) for past in (later, other)] == [3, 0]


async def test_holds_placed_at_random_moments_of_a_run_are_honoured_from_their_commit(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, hold: PlacesHold
) -> None:
    pasts = [await converse(rows, [ANCIENT] * 12, traces=False) for _ in range(150)]
    await hold(pasts[0].id)  # so that the month goes in batches
    chosen = random.Random(7).sample(pasts[1:], 20)
    kept: dict[UUID, int] = {}

    async def place(number: int) -> None:
        # A run commits more than 150 batches; begin each hold after a share of them.
        async def so_far() -> bool:
            chunks = await watcher.fetchval("SELECT count(*) FROM archive_expiry_chunks")
            return int(chunks) >= number * 8

        watcher = await asyncpg.connect(database.url)
        try:
            await until_true(so_far, seconds=60, every=0.002)
            past = chosen[number]
            if number % 2:
                await hold_custodians(database, past.people[number % 4 // 2])
            else:
                await hold(past.id)
            kept[past.id] = await retained(watcher, past.id)
        finally:
            await watcher.close()

    placing = asyncio.gather(*(place(number) for number in range(20)))
    run = await expiry(ADMIN, REAL)
    await placing
    assert run.state == "finished"
    assert len(kept) == 20
    assert {past.id: await retained(rows, past.id) for past in chosen} == kept
    assert 0 < sum(count > 0 for count in kept.values()) < 20
    assert await rows.fetchval("SELECT count(*) FROM messages") == sum(kept.values()) + 12
    assert run.expired + sum(kept.values()) == 149 * 12


async def test_overlapping_holds_count_each_for_itself(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, hold: PlacesHold
) -> None:
    past = await converse(rows, [ANCIENT] * 3)
    uid, upsert = uuid4(), UpsertHold(database, GRACE)
    await hold(past.id, "M-1")
    await hold_custodians(database, past.people[1])
    named = [past.id]
    await upsert(OPERATOR, uid, HoldOrder("M-3", "a court asks", named, [], released=False))
    await upsert(OPERATOR, uid, HoldOrder("M-3", "a court asks", named, [], released=True))
    assert (await expiry(ADMIN, REAL)).held == 3
    await rows.execute(
        "UPDATE holds SET released_at = now(), released_by = 'x' WHERE matter = 'M-1'"
    )
    assert (await expiry(ADMIN, REAL)).held == 3
    await rows.execute(
        "UPDATE holds SET released_at = now(), released_by = 'x' WHERE matter = 'M-9'"
    )
    assert (await expiry(ADMIN, REAL)).expired == 3
