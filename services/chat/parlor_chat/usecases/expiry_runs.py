"""The rows of archive-expiry runs and their manifests: begun, advanced, ended, listed, read.

Called by `run_archive_expiry` and by the admin routes that look runs up. A run's row and the parts
of its manifest commit with the batch that they tell of, so what is gone is always accounted for,
also when the process that ran it is gone.
"""

import hashlib
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson
from parlor_kit.clock import now, rfc3339
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import NotFound
from parlor_kit.pages import decode_cursor, encode_cursor

from parlor_chat.retention_events import archive_expiry_ran
from parlor_chat.retention_models import RunState
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.expiry_batch import BatchResult, Cutoffs

_COLUMNS = """
id, state, dry_run, requested_by, archive_before, expire_before, conversation_ids, started_at,
finished_at, archived, expired, held, manifest_sha256
"""

_BEGIN = """
INSERT INTO archive_expiry_runs
    (id, state, dry_run, requested_by, archive_before, expire_before, conversation_ids, started_at,
    archived, expired, held)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0)
"""

_ADVANCE = """
UPDATE archive_expiry_runs
SET archived = archived + $2, expired = expired + $3, held = held + $4 WHERE id = $1
"""

_END = f"""
UPDATE archive_expiry_runs SET state = $2, finished_at = $3, manifest_sha256 = $4
WHERE id = $1 RETURNING {_COLUMNS}
"""  # noqa: S608 - columns only

_ONE = f"SELECT {_COLUMNS} FROM archive_expiry_runs WHERE id = $1"  # noqa: S608 - columns only

_PAGE = f"""
SELECT {_COLUMNS} FROM archive_expiry_runs
WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2
"""  # noqa: S608 - columns only

_PARTS = """
SELECT number, content FROM archive_expiry_chunks
WHERE run_id = $1 AND number > $2 ORDER BY number LIMIT 8
"""


@dataclass(frozen=True, slots=True)
class ExpiryRun:
    """A run as its row tells it. `manifest_sha256` is set when the run has ended."""

    id: UUID
    state: RunState
    dry_run: bool
    requested_by: str
    cutoffs: Cutoffs
    conversation_ids: Sequence[UUID] | None
    started_at: datetime
    finished_at: datetime | None
    archived: int
    expired: int
    held: int
    manifest_sha256: str | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> "ExpiryRun":
        scope = row["conversation_ids"]
        return cls(
            id=row["id"],
            state=RunState(row["state"]),
            dry_run=row["dry_run"],
            requested_by=row["requested_by"],
            cutoffs=Cutoffs(row["archive_before"], row["expire_before"]),
            conversation_ids=[UUID(each) for each in orjson.loads(scope)] if scope else None,
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            archived=row["archived"],
            expired=row["expired"],
            held=row["held"],
            manifest_sha256=row["manifest_sha256"],
        )


async def begin(transaction: Transaction, run: ExpiryRun, actor: Actor) -> None:
    """Write the row of a run that starts now, and who asked for it."""
    scope = run.conversation_ids
    await transaction.connection.execute(
        _BEGIN,
        run.id,
        run.state,
        run.dry_run,
        run.requested_by,
        run.cutoffs.archive_before,
        run.cutoffs.expire_before,
        orjson.dumps([str(each) for each in scope]).decode() if scope is not None else None,
        run.started_at,
    )
    await audit_trail.record(
        transaction.connection,
        "archive_expiry.started",
        actor,
        run_id=run.id,
        details={
            "dry_run": run.dry_run,
            "archive_before": rfc3339(run.cutoffs.archive_before),
            "expire_before": rfc3339(run.cutoffs.expire_before),
            "conversations": len(scope) if scope is not None else None,
        },
    )


async def advance(
    connection: asyncpg.Connection, run_id: UUID, number: int, batch: BatchResult, part: bytes
) -> None:
    """Commit a batch's counters and its part of the manifest together with what it did."""
    await connection.execute(
        "INSERT INTO archive_expiry_chunks (run_id, number, content) VALUES ($1, $2, $3)",
        run_id,
        number,
        part,
    )
    await connection.execute(_ADVANCE, run_id, batch.archived, batch.expired, batch.held)


async def end(
    connection: asyncpg.Connection, run_id: UUID, state: RunState, sha256: str, actor: Actor
) -> ExpiryRun:
    """Close the run's row, and tell of it: an audit record, and an event unless it was dry."""
    async with connection.transaction():
        run = ExpiryRun.of(await connection.fetchrow(_END, run_id, state, now(), sha256))
        counted = {"archived": run.archived, "expired": run.expired, "held": run.held}
        await audit_trail.record(
            connection,
            f"archive_expiry.{state}",
            actor,
            run_id=run_id,
            details={"dry_run": run.dry_run, "manifest_sha256": sha256, **counted},
        )
        if not run.dry_run and run.finished_at is not None:
            transaction = Transaction(connection)
            transaction.publish(
                archive_expiry_ran(
                    run_id,
                    state=state,
                    started_at=run.started_at,
                    finished_at=run.finished_at,
                    manifest_sha256=sha256,
                    **counted,
                )
            )
            await transaction.flush()
    return run


async def interrupt(connection: asyncpg.Connection, run_id: UUID, actor: Actor) -> None:
    """End a run that broke off; what it had committed is read back, since only that happened."""
    digest = hashlib.sha256()
    number = -1
    while parts := await connection.fetch(_PARTS, run_id, number):
        for part in parts:
            number = part["number"]
            digest.update(zlib.decompress(part["content"]))
    await end(connection, run_id, RunState.INTERRUPTED, digest.hexdigest(), actor)


async def close_abandoned(connection: asyncpg.Connection) -> None:
    """End the rows of runs whose process died; the caller holds the lock of runs."""
    rows = await connection.fetch("SELECT id FROM archive_expiry_runs WHERE state = 'running'")
    for row in rows:
        await interrupt(connection, row["id"], Actor("chat", "service"))


class ExpiryRuns:
    """Looks runs up, for admins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, run_id: UUID) -> ExpiryRun:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_ONE, run_id)
        if row is None:
            raise NotFound("There is no such run")
        return ExpiryRun.of(row)

    async def page(self, limit: int, cursor: str | None) -> tuple[Sequence[ExpiryRun], str | None]:
        """Runs, newest first, and where the next page begins."""
        before = None if cursor is None else _position(cursor)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_PAGE, before, limit + 1)
        runs = [ExpiryRun.of(row) for row in rows[:limit]]
        return runs, encode_cursor(str(runs[-1].id)) if len(rows) > limit else None

    async def manifest(self, run_id: UUID) -> AsyncIterator[bytes]:
        """The manifest in parts, a few at a time in memory."""
        number = -1
        while True:
            async with self._database.connection() as connection:
                rows = await connection.fetch(_PARTS, run_id, number)
            if not rows:
                return
            for row in rows:
                number = row["number"]
                yield zlib.decompress(row["content"])


def _position(cursor: str) -> UUID:
    text = str(decode_cursor(cursor, str)[0])
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
