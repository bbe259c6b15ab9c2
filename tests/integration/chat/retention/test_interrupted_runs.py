"""Runs that are killed: what they committed is whole and told of, the next one does the rest."""

import asyncio
import hashlib
import random

import asyncpg
import orjson
import pytest
from factories.chat_archive import ADMIN, ANCIENT, OLD, PERIODS, PlacesHold, converse
from factories.polling import until_true
from parlor_chat.usecases.expiry_runs import ExpiryRun, ExpiryRuns
from parlor_chat.usecases.run_archive_expiry import RunArchiveExpiry, RunOrder
from parlor_kit.database import Database
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.idempotency import Idempotency
from parlor_kit.sealing import Sealer

pytestmark = pytest.mark.integration

REAL = RunOrder()

_CHUNKS = """
SELECT count(*) FROM archive_expiry_chunks
WHERE run_id = (SELECT id FROM archive_expiry_runs ORDER BY id LIMIT 1 OFFSET $1)
"""

_ORPHANS = """
SELECT (SELECT count(*) FROM receipts WHERE message_id NOT IN (SELECT id FROM messages))
    + (SELECT count(*) FROM message_keys WHERE message_id NOT IN (SELECT id FROM messages))
"""


async def entries(database: Database, run: ExpiryRun) -> list[tuple[str, str]]:
    content = b"".join([part async for part in ExpiryRuns(database).manifest(run.id)])
    assert hashlib.sha256(content).hexdigest() == run.manifest_sha256
    lines = [orjson.loads(line) for line in content.splitlines()]
    return [(line["action"], line["message_id"]) for line in lines]


async def kill(rows: asyncpg.Connection, run: int, after_chunks: int) -> None:
    """End the backend of the run of this number in the midst of whatever it does."""

    async def far_enough() -> bool:
        return int(await rows.fetchval(_CHUNKS, run)) >= after_chunks

    await until_true(far_enough, seconds=30, every=0.001)
    await rows.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks "
        "WHERE locktype = 'advisory' AND objid = $1 AND granted",
        0x45585052,
    )


async def test_runs_killed_at_random_moments_and_resumed_delete_exactly_the_right_rows(
    database: Database, rows: asyncpg.Connection, small_batches: RunArchiveExpiry, hold: PlacesHold
) -> None:
    expiry = small_batches
    pasts = [await converse(rows, [ANCIENT] * 12 + [OLD] * 3) for _ in range(60)]
    held = pasts[::7]
    for past in held:
        await hold(past.id)
    ids = {
        row["id"]: (row["conversation_id"], row["seq"])
        for row in await rows.fetch("SELECT id, conversation_id, seq FROM messages")
    }
    held_ids = {past.id for past in held}
    doomed = {id for id, (past, seq) in ids.items() if seq <= 12 and past not in held_ids}

    chance = random.Random(11)
    for number in range(4):
        running = asyncio.ensure_future(expiry(ADMIN, REAL))
        await kill(rows, number, chance.randint(1, 40))
        with pytest.raises(DependencyUnavailable):
            await running
        assert await rows.fetchval(_ORPHANS) == 0
    last = await expiry(ADMIN, REAL)

    assert last.state == "finished"
    left = {row["id"] for row in await rows.fetch("SELECT id FROM messages")}
    assert left == set(ids) - doomed
    assert await rows.fetchval("SELECT count(*) FROM messages WHERE archived_at IS NULL") == 0
    runs, _ = await ExpiryRuns(database).page(50, None)
    assert [run.state for run in runs] == ["finished"] + ["interrupted"] * 4
    told = [entry for run in runs for entry in await entries(database, run)]
    expired = [message_id for action, message_id in told if action == "expired"]
    assert sorted(expired) == sorted(str(id) for id in doomed)
    assert sum(run.expired for run in runs) == len(doomed)
    events = await rows.fetch("SELECT data FROM outbox WHERE type = 'archive_expiry.ran'")
    assert sum(orjson.loads(row["data"])["expired"] for row in events) == len(doomed)


async def test_a_run_ends_as_interrupted_when_its_process_drains(
    database: Database, rows: asyncpg.Connection, expiry: RunArchiveExpiry
) -> None:
    past = await converse(rows, [ANCIENT] * 40)
    async with rows.transaction():
        await rows.execute("SELECT FROM conversations WHERE id = $1 FOR NO KEY UPDATE", past.id)
        running = asyncio.ensure_future(expiry(ADMIN, REAL))

        async def begun() -> bool:
            return bool(await rows.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await until_true(begun)
        await expiry.close()
        with pytest.raises(asyncio.CancelledError):
            await running
    (run,), _ = await ExpiryRuns(database).page(50, None)
    assert (run.state, run.expired) == ("interrupted", 0)
    assert (await expiry(ADMIN, REAL)).expired == 40


async def test_a_run_goes_on_when_its_caller_no_longer_waits(
    database: Database, rows: asyncpg.Connection
) -> None:
    await converse(rows, [ANCIENT] * 40)
    idempotency = Idempotency(database, Sealer(b"k" * 32))
    expiry = RunArchiveExpiry(database, idempotency, PERIODS, batch_messages=2, patience=0)
    run = await expiry(ADMIN, REAL)
    assert (run.state, run.finished_at) == ("running", None)
    runs = ExpiryRuns(database)

    async def finished() -> bool:
        return (await runs.get(run.id)).state == "finished"

    await until_true(finished)
    assert (await runs.get(run.id)).expired == 40
