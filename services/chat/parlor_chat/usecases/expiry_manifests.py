"""How runs of archive expiry end: with a signed statement that has the hash of the one before it.

Called by `expiry_session`; the admin route hands the chain out. A statement names the run, its
counts and the SHA-256 of its manifest; `parlor verify-manifest` checks the chain and the manifests
offline. Dry runs have none: they did nothing.
"""

import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import orjson
from parlor_kit.clock import now, rfc3339
from parlor_kit.database import Database, Transaction

from parlor_chat.retention_events import archive_expiry_ran
from parlor_chat.retention_models import RunState
from parlor_chat.signing import EXPIRY_MANIFEST, Signer, canonical
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.expiry_runs import ExpiryRun

_END = """
UPDATE archive_expiry_runs SET state = $2, finished_at = $3, manifest_sha256 = $4
WHERE id = $1 RETURNING *
"""

_LAST = "SELECT number, sha256 FROM archive_expiry_manifests ORDER BY number DESC LIMIT 1"

_INSERT = """
INSERT INTO archive_expiry_manifests (number, run_id, sha256, envelope) VALUES ($1, $2, $3, $4)
"""

_PAGE = """
SELECT number, envelope FROM archive_expiry_manifests WHERE number > $1 ORDER BY number LIMIT 100
"""


async def end(
    connection: asyncpg.Connection,
    run_id: UUID,
    state: RunState,
    sha256: str,
    actor: Actor,
    signer: Signer,
) -> ExpiryRun:
    """Close the run's row, and tell of it: an audit record; of a real one, statement and event."""
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
            await _sign(connection, run, signer)
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


async def _sign(connection: asyncpg.Connection, run: ExpiryRun, signer: Signer) -> None:
    """Add the statement of a run that ends; the lock of runs keeps others from adding theirs."""
    last = await connection.fetchrow(_LAST)
    number = last["number"] + 1 if last is not None else 1
    payload = canonical(
        {
            "archive_before": rfc3339(run.cutoffs.archive_before),
            "archived": run.archived,
            "expire_before": rfc3339(run.cutoffs.expire_before),
            "expired": run.expired,
            "finished_at": rfc3339(run.finished_at) if run.finished_at else None,
            "held": run.held,
            "manifest_sha256": run.manifest_sha256,
            "number": number,
            "previous_sha256": last["sha256"] if last is not None else "0" * 64,
            "requested_by": run.requested_by,
            "run_id": str(run.id),
            "started_at": rfc3339(run.started_at),
            "state": run.state.value,
        }
    )
    envelope = signer.envelope(EXPIRY_MANIFEST, payload)
    await connection.execute(
        _INSERT,
        number,
        run.id,
        hashlib.sha256(payload).hexdigest(),
        orjson.dumps(envelope).decode(),
    )


async def chain(database: Database) -> AsyncIterator[bytes]:
    """Every statement from the first on, one signed envelope a line."""
    number = 0
    while True:
        async with database.connection() as connection:
            rows = await connection.fetch(_PAGE, number)
        if not rows:
            return
        number = rows[-1]["number"]
        yield b"".join(row["envelope"].encode() + b"\n" for row in rows)
