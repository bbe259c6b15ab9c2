"""Runs that are killed, cancelled or left: what they committed is whole, and the rest is done."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import asyncpg
import orjson
import pytest
from asyncpg.transaction import Transaction as Held
from factories.chat_archive import (
    ADMIN,
    ANCIENT,
    OLD,
    PERIODS,
    SIGNER,
    PlacesHold,
    converse,
    make_month,
)
from factories.locks import HERE, waits_for_a_row
from factories.polling import until_true
from parlor_chat.retention_errors import RunInProgress
from parlor_chat.usecases.expiry_runs import ExpiryRun
from parlor_chat.usecases.run_archive_expiry import RunArchiveExpiry, RunOrder
from parlor_chat.usecases.view_expiry_runs import ExpiryRuns
from parlor_kit.database import Database
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.idempotency import Idempotency
from parlor_kit.sealing import Sealer

pytestmark = pytest.mark.integration

REAL = RunOrder()
DRY = RunOrder(dry_run=True)
KILLS = 20
ANOTHER_MONTH = ANCIENT + timedelta(days=62)

# What is left of messages that have gone, and messages that have lost a key or their answer.
_ORPHANS = """
SELECT (SELECT count(*) FROM receipts WHERE message_id NOT IN (SELECT id FROM messages))
    + (SELECT count(*) FROM message_keys WHERE message_id NOT IN (SELECT id FROM messages))
    + (SELECT count(*) FROM messages WHERE id NOT IN (
        SELECT message_id FROM message_keys WHERE kind = 'client'))
    + (SELECT count(*) FROM messages WHERE sender_id IS NOT NULL AND id NOT IN (
        SELECT message_id FROM message_keys WHERE kind = 'idempotency'))
    + (SELECT count(*) FROM messages WHERE id NOT IN (SELECT object_id FROM idempotency_records))
"""


async def entries(database: Database, run: ExpiryRun) -> list[tuple[str, str]]:
    """The action and the message of each line, or the seq up to which a conversation was held."""
    content = b"".join([part async for part in ExpiryRuns(database).manifest(run.id)])
    assert hashlib.sha256(content).hexdigest() == run.manifest_sha256
    lines = [orjson.loads(line) for line in content.splitlines()]
    kept = sum(line["messages"] for line in lines if line["action"] == "held")
    assert kept == run.held
    return [
        (line["action"], line.get("message_id") or f"{line['conversation_id']} {line['last_seq']}")
        for line in lines
    ]


async def only_run(database: Database) -> ExpiryRun:
    (run,), _ = await ExpiryRuns(database).page(50, None)
    return run


async def kill(rows: asyncpg.Connection, running: "asyncio.Future[ExpiryRun]", steps: int) -> None:
    """End the backend of a run some transactions from now, in the midst of whatever it does."""
    began = int(await rows.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"))

    async def far_enough() -> bool:
        at = await rows.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        return running.done() or int(at) >= began + steps

    await until_true(far_enough, seconds=30, every=0.0005)
    await rows.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks "
        f"WHERE locktype = 'advisory' AND objid = $1 AND granted AND {HERE}",
        0x45585052,
    )


async def sent(rows: asyncpg.Connection) -> dict[UUID, tuple[UUID, bool]]:
    """Every message with its conversation, and whether it is older than a year."""
    found = await rows.fetch(
        "SELECT id, conversation_id, sent_at < now() - interval '365 days' AS due FROM messages"
    )
    return {row["id"]: (row["conversation_id"], row["due"]) for row in found}


async def test_a_run_killed_at_20_random_points_and_resumed_deletes_exactly_the_right_rows(
    database: Database, rows: asyncpg.Connection, small_batches: RunArchiveExpiry, hold: PlacesHold
) -> None:
    await make_month(rows, ANOTHER_MONTH)
    pasts = [await converse(rows, [ANCIENT] * 12 + [OLD] * 3) for _ in range(60)]
    pasts += [await converse(rows, [ANOTHER_MONTH] * 8) for _ in range(20)]
    held = {past.id for past in pasts[:60:7]}
    for conversation_id in held:
        await hold(conversation_id)
    before = await sent(rows)
    doomed = {id for id, (past, due) in before.items() if due and past not in held}

    chance = random.Random(11)
    for _ in range(KILLS):
        running = asyncio.ensure_future(small_batches(ADMIN, REAL))
        await kill(rows, running, chance.randint(1, 10))
        with suppress(DependencyUnavailable):  # unless it was still on its way to the lock
            await running
        assert await rows.fetchval(_ORPHANS) == 0
    resumed = await only_run(database)
    last = await small_batches(ADMIN, REAL) if resumed.state == "running" else resumed

    assert (last.id, last.state) == (resumed.id, "finished")
    assert set(await sent(rows)) == set(before) - doomed
    assert await rows.fetchval("SELECT count(*) FROM messages WHERE archived_at IS NULL") == 0
    told = Counter(await entries(database, last))
    assert max(told.values()) == 1
    assert {id for action, id in told if action == "expired"} == {str(id) for id in doomed}
    counts = Counter(action for action, _ in told)
    assert (last.archived, last.expired) == (counts["archived"], len(doomed))
    assert last.months_dropped == 1
    assert await rows.fetchval(_ORPHANS) == 0
    (event,) = await rows.fetch("SELECT data FROM outbox WHERE type = 'archive_expiry.ran'")
    assert orjson.loads(event["data"])["expired"] == len(doomed)


Halted = Callable[[], Awaitable[tuple["asyncio.Task[ExpiryRun]", Held]]]


@pytest.fixture
async def halted(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, hold: PlacesHold
) -> Halted:
    """Starts a run over 40 messages and halts it before its second batch; holds one message."""

    async def start() -> tuple["asyncio.Task[ExpiryRun]", Held]:
        first, second = [await converse(rows, [ANCIENT] * 20) for _ in range(2)]
        await hold((await converse(rows, [ANCIENT])).id)
        transaction = rows.transaction()
        await transaction.start()
        await rows.execute(
            "SELECT FROM conversations WHERE id = $1 FOR NO KEY UPDATE", max(first.id, second.id)
        )
        running = asyncio.get_running_loop().create_task(expiry(ADMIN, REAL))
        await until_true(lambda: waits_for_a_row(rows))
        return running, transaction

    return start


async def test_a_run_stays_open_when_its_process_drains_and_another_replica_takes_it_up(
    database: Database, expiry: RunArchiveExpiry, small_batches: RunArchiveExpiry, halted: Halted
) -> None:
    running, transaction = await halted()
    await expiry.close()
    with pytest.raises(asyncio.CancelledError):
        await running
    await transaction.rollback()
    left = await only_run(database)
    assert (left.state, left.expired) == ("running", 20)
    ended = await small_batches.resume()
    assert ended is not None
    assert (ended.id, ended.state, ended.expired, ended.held) == (left.id, "finished", 40, 1)
    assert await small_batches.resume() is None


async def test_a_cancelled_run_stops_after_its_batch_and_tells_what_it_did(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, halted: Halted
) -> None:
    running, transaction = await halted()
    asked = await expiry.cancel(ADMIN, (await only_run(database)).id)
    assert (asked.state, asked.cancel_requested_by) == ("running", ADMIN.name)
    await transaction.rollback()
    ended = await running
    assert ended.state == "cancelled"
    assert 20 <= ended.expired < 40
    assert len(await entries(database, ended)) == ended.expired
    assert await rows.fetchval("SELECT count(*) FROM messages") == 41 - ended.expired
    assert (await expiry(ADMIN, REAL)).expired == 40 - ended.expired
    actions = await rows.fetch("SELECT action FROM audit_records WHERE run_id = $1", ended.id)
    assert {row["action"] for row in actions} == {
        "archive_expiry.started",
        "archive_expiry.cancel_requested",
        "archive_expiry.cancelled",
    }


async def test_a_run_that_nothing_carries_is_cancelled_at_once(
    database: Database, expiry: RunArchiveExpiry, halted: Halted
) -> None:
    running, transaction = await halted()
    await expiry.close()
    with pytest.raises(asyncio.CancelledError):
        await running
    await transaction.rollback()
    ended = await expiry.cancel(ADMIN, (await only_run(database)).id)
    assert (ended.state, ended.expired) == ("cancelled", 20)
    again = await expiry.cancel(ADMIN, ended.id)
    assert again == ended


async def test_cancelling_a_run_that_has_ended_leaves_another_to_whoever_takes_it_up(
    database: Database, expiry: RunArchiveExpiry, halted: Halted
) -> None:
    ended = await expiry(ADMIN, REAL)
    running, transaction = await halted()
    await expiry.close()
    with pytest.raises(asyncio.CancelledError):
        await running
    await transaction.rollback()
    assert await expiry.cancel(ADMIN, ended.id) == ended
    (left, _), _ = await ExpiryRuns(database).page(50, None)
    assert (left.state, left.expired, left.cancel_requested_at) == ("running", 20, None)


@pytest.mark.parametrize("order", [DRY, RunOrder(expire_after=timedelta(days=500))])
async def test_another_order_does_not_get_the_run_that_was_left_but_sets_it_going(
    database: Database,
    expiry: RunArchiveExpiry,
    small_batches: RunArchiveExpiry,
    halted: Halted,
    order: RunOrder,
) -> None:
    running, transaction = await halted()
    await expiry.close()
    with pytest.raises(asyncio.CancelledError):
        await running
    await transaction.rollback()
    with pytest.raises(RunInProgress):
        await small_batches(ADMIN, order)

    async def finished() -> bool:
        return (await only_run(database)).state == "finished"

    await until_true(finished)
    assert (await small_batches(ADMIN, order)).dry_run is order.dry_run


async def test_a_run_that_fails_again_and_again_is_given_up(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry, halted: Halted
) -> None:
    running, transaction = await halted()
    await expiry.close()
    with pytest.raises(asyncio.CancelledError):
        await running
    await transaction.rollback()
    await rows.execute("UPDATE archive_expiry_runs SET attempts = 5")
    ended = await expiry.resume()
    assert ended is not None
    assert (ended.state, ended.expired) == ("interrupted", 20)
    assert (await expiry(ADMIN, REAL)).expired == 20


async def test_a_run_goes_on_when_its_caller_no_longer_waits(
    database: Database, rows: asyncpg.Connection, hold: PlacesHold
) -> None:
    await converse(rows, [ANCIENT] * 40)
    await hold((await converse(rows, [ANCIENT])).id)
    idempotency = Idempotency(database, Sealer(b"k" * 32))
    expiry = RunArchiveExpiry(database, idempotency, PERIODS, SIGNER, batch_messages=2, patience=0)
    run = await expiry(ADMIN, REAL)
    assert (run.state, run.finished_at) == ("running", None)
    runs = ExpiryRuns(database)

    async def finished() -> bool:
        return (await runs.get(run.id)).state == "finished"

    await until_true(finished)
    assert (await runs.get(run.id)).expired == 40
