"""Transactions on a real PostgreSQL: rows and events together or not at all; faults told apart."""

import asyncio
import random

import asyncpg
import pytest
from factories.event_map import EventMap
from parlor_dev.roles import DatabaseAccess
from parlor_kit.clock import now
from parlor_kit.database import Database, Session
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.ids import new_id
from parlor_kit.tables import Inbox

pytestmark = pytest.mark.integration

INSERT = "INSERT INTO inbox (event_id, topic, applied_at) VALUES ($1, $2, now())"


async def counts(rows: asyncpg.Connection) -> tuple[int, int]:
    found = await rows.fetchrow(
        "SELECT (SELECT count(*) FROM inbox) AS rows, (SELECT count(*) FROM outbox) AS events"
    )
    return found["rows"], found["events"]


async def test_rows_and_events_commit_together(
    database: Database, rows: asyncpg.Connection, things: EventMap
) -> None:
    async with database.transaction() as transaction:
        await Inbox.create(event_id=new_id(), topic="t", applied_at=now())
        await transaction.connection.execute(INSERT, new_id(), "t")
        transaction.publish(things.event(1))
        transaction.publish(things.event(2))
        assert await counts(rows) == (0, 0)
    assert await counts(rows) == (2, 2)


async def test_neither_is_left_of_a_transaction_that_failed(
    database: Database, rows: asyncpg.Connection, things: EventMap
) -> None:
    async def fail() -> None:
        async with database.transaction() as transaction:
            await Inbox.create(event_id=new_id(), topic="t", applied_at=now())
            transaction.publish(things.event(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await counts(rows) == (0, 0)


async def test_a_cancelled_transaction_leaves_nothing_and_gives_its_connection_back(
    database: Database, rows: asyncpg.Connection, things: EventMap
) -> None:
    entered = asyncio.Event()

    async def hang() -> None:
        async with database.transaction() as transaction:
            await transaction.connection.execute(INSERT, new_id(), "t")
            transaction.publish(things.event(1))
            entered.set()
            await asyncio.Event().wait()

    for _ in range(15):  # more than the pool has
        task = asyncio.create_task(hang())
        await entered.wait()
        entered.clear()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await counts(rows) == (0, 0)
    assert await database.answers()


async def test_a_deadlock_may_be_tried_again(database: Database, rows: asyncpg.Connection) -> None:
    ids = [new_id(), new_id()]
    for one in ids:
        await rows.execute(INSERT, one, "t")
    both = asyncio.Barrier(2)

    async def lock(first: int) -> None:
        async with database.transaction() as transaction:
            for number, place in enumerate((first, 1 - first)):
                await transaction.connection.execute(
                    "SELECT FROM inbox WHERE event_id = $1 FOR UPDATE", ids[place]
                )
                if number == 0:
                    await both.wait()

    outcomes = await asyncio.gather(lock(0), lock(1), return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["DependencyUnavailable", "NoneType"]


async def test_a_fault_of_our_own_is_no_outage(database: Database) -> None:
    with pytest.raises(asyncpg.DataError):
        async with database.connection() as connection:
            await connection.fetchval("SELECT 1/(SELECT count(*) FROM inbox WHERE false)")
    with pytest.raises(asyncpg.DataError, match="invalid input for query argument"):
        async with database.transaction() as transaction:
            await transaction.connection.execute(INSERT, "no id", "t")


async def test_sessions_that_the_server_ends_are_replaced(
    database: Database, rows: asyncpg.Connection
) -> None:
    session = Session(database)
    query = "SELECT pg_backend_pid() AS pid"
    first = (await session.fetch(query))[0]["pid"]
    await rows.execute("SELECT pg_terminate_backend($1)", first)
    with pytest.raises(DependencyUnavailable):
        await session.fetch(query)
    assert (await session.fetch(query))[0]["pid"] != first
    await session.close()


async def test_the_pool_recovers_when_the_server_ends_its_sessions(
    database: Database, rows: asyncpg.Connection
) -> None:
    async def read() -> int:
        async with database.connection() as connection:
            return int(await connection.fetchval("SELECT 1"))

    await asyncio.gather(*(read() for _ in range(10)))
    await rows.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE usename = current_user AND pid <> pg_backend_pid()"
    )
    outcomes = await asyncio.gather(*(read() for _ in range(10)), return_exceptions=True)
    assert all(one == 1 or isinstance(one, DependencyUnavailable) for one in outcomes)
    assert await asyncio.gather(*(read() for _ in range(10))) == [1] * 10


async def test_without_a_server_there_is_one_kind_of_refusal(
    database_access: DatabaseAccess,
) -> None:
    scheme, _, rest = database_access.app_url.rpartition("@")
    nowhere = Database(f"{scheme}@127.0.0.1:1/{rest.rpartition('/')[2]}", "customer")
    with pytest.raises(DependencyUnavailable):
        await nowhere.connect()
    with pytest.raises(DependencyUnavailable):
        await Session(nowhere).fetch("SELECT 1")


async def test_whoever_is_cancelled_at_any_moment_gives_their_connection_back(
    database: Database, rows: asyncpg.Connection
) -> None:
    async def work() -> None:
        while True:
            async with database.transaction() as transaction:
                await transaction.connection.execute(INSERT, new_id(), "t")

    for _ in range(300):
        running = asyncio.create_task(work())
        await asyncio.sleep(random.uniform(0, 0.01))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    together = asyncio.Barrier(10)  # the whole pool

    async def hold_one() -> None:
        async with database.transaction():
            await together.wait()

    async with asyncio.timeout(20):
        await asyncio.gather(*(hold_one() for _ in range(10)))
