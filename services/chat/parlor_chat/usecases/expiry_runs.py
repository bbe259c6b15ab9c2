"""The rows of archive-expiry runs: begun, advanced, taken up again, asked to stop.

Called by `expiry_session`, which holds the lock of runs, and by `run_archive_expiry`. A run's row,
its place in the months and the parts of its manifest commit with the batch that they tell of; so
what is gone is always accounted for, and whoever takes up the run goes on at the very next row.
"""

import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg
import orjson
from parlor_kit.clock import now, rfc3339
from parlor_kit.database import Transaction

from parlor_chat.retention_models import RunState
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.expiry_batch import BatchResult, Cutoffs
from parlor_chat.usecases.expiry_months import Month

_BEGIN = """
INSERT INTO archive_expiry_runs
    (id, state, dry_run, requested_by, archive_before, expire_before, ordered, conversation_ids,
    started_at, archived, expired, held, cursor_seq, next_number, attempts, months, months_done,
    months_dropped, month_planned, month_decided)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
"""

# By hold, what a run kept can be asked for a month; the manifest tells it for good.
_FORGET_KEPT = """
DELETE FROM archive_expiry_kept WHERE run_id < id_floor($1::timestamptz - interval '31 days')
"""

_TAKE_UP = """
UPDATE archive_expiry_runs SET attempts = attempts + 1 WHERE state = 'running' RETURNING *
"""

_ENTER = """
UPDATE archive_expiry_runs SET
    months = greatest(months, $3::int), months_done = greatest(months, $3) - $4::int,
    cursor_conversation_id = CASE WHEN cursor_month = $2::date THEN cursor_conversation_id END,
    cursor_seq = CASE WHEN cursor_month = $2::date THEN cursor_seq ELSE 0 END,
    month_decided = CASE WHEN cursor_month = $2::date THEN month_decided ELSE 0 END,
    month_planned = CASE WHEN cursor_month = $2::date THEN month_planned ELSE 0 END,
    cursor_month = $2::date
WHERE id = $1
"""

_PLANNED = """
UPDATE archive_expiry_runs SET month_planned = month_decided + $2 WHERE id = $1
"""

_ADVANCE = """
UPDATE archive_expiry_runs SET
    archived = archived + $2, expired = expired + $3, held = held + $4,
    month_decided = month_decided + $5, months_dropped = months_dropped + $6,
    cursor_conversation_id = $7, cursor_seq = $8, next_number = $9, attempts = 0
WHERE id = $1
"""

_CANCEL = """
UPDATE archive_expiry_runs SET cancel_requested_at = $2, cancel_requested_by = $3
WHERE id = $1 AND state = 'running' AND cancel_requested_at IS NULL
"""

_PARTS = """
SELECT number, content FROM archive_expiry_chunks
WHERE run_id = $1 AND number > $2 ORDER BY number LIMIT 8
"""

EVERYTHING = 2**62  # as the seq of a cursor: the whole conversation is done


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
    attempts: int = 0
    next_number: int = 0
    cursor: tuple[date, UUID | None, int] | None = None
    months: int = 0
    months_done: int = 0
    months_dropped: int = 0
    month_planned: int = 0
    month_decided: int = 0
    cancel_requested_at: datetime | None = None
    cancel_requested_by: str | None = None

    @classmethod
    def of(cls, row: asyncpg.Record) -> "ExpiryRun":
        scope, month = row["conversation_ids"], row["cursor_month"]
        same = ("id", "dry_run", "requested_by", "started_at", "finished_at", "archived", "expired")
        more = ("held", "manifest_sha256", "attempts", "next_number", "months", "months_done")
        last = ("months_dropped", "month_planned", "month_decided", "cancel_requested_at")
        return cls(
            state=RunState(row["state"]),
            cutoffs=Cutoffs(
                row["archive_before"], row["expire_before"], row["started_at"], row["ordered"]
            ),
            conversation_ids=[UUID(each) for each in orjson.loads(scope)] if scope else None,
            cursor=(month, row["cursor_conversation_id"], row["cursor_seq"]) if month else None,
            cancel_requested_by=row["cancel_requested_by"],
            **{name: row[name] for name in (*same, *more, *last)},
        )

    def asks_the_same(self, other: "ExpiryRun") -> bool:
        """Whether whoever asked for `other` may as well have this one."""
        mine, theirs = self.conversation_ids, other.conversation_ids
        return (
            self.dry_run == other.dry_run
            and self.cutoffs.periods == other.cutoffs.periods
            and (mine is None) == (theirs is None)
            and (set(mine or ()) == set(theirs or ()))
        )


async def begin(transaction: Transaction, run: ExpiryRun, actor: Actor) -> None:
    """Write the row of a run that starts now, and who asked for it."""
    scope = run.conversation_ids
    await transaction.connection.execute(_FORGET_KEPT, run.started_at)
    await transaction.connection.execute(
        _BEGIN,
        run.id,
        run.state,
        run.dry_run,
        run.requested_by,
        run.cutoffs.archive_before,
        run.cutoffs.expire_before,
        run.cutoffs.ordered,
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


async def take_up(connection: asyncpg.Connection) -> ExpiryRun | None:
    """The run that its process left open, if any; the caller holds the lock of runs."""
    row = await connection.fetchrow(_TAKE_UP)
    return ExpiryRun.of(row) if row is not None else None


async def enter(connection: asyncpg.Connection, run: ExpiryRun, month: Month, left: int) -> None:
    """Note that the run is in `month` now, with `left` to go, this one included."""
    await connection.execute(_ENTER, run.id, month.place, run.months_done + left, left)


async def plan(connection: asyncpg.Connection, run_id: UUID, messages: int) -> None:
    """Note how many messages of the month are still to be decided about, at most."""
    await connection.execute(_PLANNED, run_id, messages)


async def advance(
    connection: asyncpg.Connection,
    run_id: UUID,
    result: BatchResult,
    *,
    number: int,
    part: bytes | None,
    dropped: bool = False,
) -> None:
    """Commit counters, place and part of the manifest together with what the batch did.

    `number` is that of the part; without one, the parts up to `number` are there already.
    """
    if part is not None:
        await write_part(connection, run_id, number, part)
    conversation_id, seq = result.last or (None, 0)
    await connection.execute(
        _ADVANCE,
        run_id,
        result.archived,
        result.expired,
        result.held,
        result.decided,
        int(dropped),
        conversation_id,
        seq,
        number + 1,
    )


async def write_part(
    connection: asyncpg.Connection, run_id: UUID, number: int, part: bytes
) -> None:
    """Add a part of the manifest, compressed."""
    await connection.execute(
        "INSERT INTO archive_expiry_chunks (run_id, number, content) VALUES ($1, $2, $3)",
        run_id,
        number,
        part,
    )


async def request_cancel(connection: asyncpg.Connection, run_id: UUID, actor: Actor) -> bool:
    """Ask the run to stop after its batch; False when it has ended or was asked before."""
    status = await connection.execute(_CANCEL, run_id, now(), actor.name)
    if status == "UPDATE 0":
        return False
    await audit_trail.record(connection, "archive_expiry.cancel_requested", actor, run_id=run_id)
    return True


async def cancel_requested(connection: asyncpg.Connection, run_id: UUID) -> bool:
    """Whether somebody wants the run to stop."""
    return bool(
        await connection.fetchval(
            "SELECT cancel_requested_at IS NOT NULL FROM archive_expiry_runs WHERE id = $1", run_id
        )
    )


async def written(connection: asyncpg.Connection, run_id: UUID) -> AsyncIterator[bytes]:
    """What the run's manifest says so far, in parts."""
    number = -1
    while parts := await connection.fetch(_PARTS, run_id, number):
        for part in parts:
            number = part["number"]
            yield zlib.decompress(part["content"])
