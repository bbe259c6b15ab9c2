"""Signs how far the audit log goes, from time to time, so that a cut tail is found.

Run by the worker, by every export, and when an expiry run has ended. A head names the last
record's position and hash, and the head before it. It is kept in a table, and written to the log of
the process as well, where the owner of the database cannot take it back. What contradicts an
earlier head is never signed: that is an alarm.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson
from parlor_kit import logs
from parlor_kit.clock import now, rfc3339
from parlor_kit.database import Database

from parlor_chat import metrics
from parlor_chat.signing import AUDIT_HEAD, Signer, canonical
from parlor_chat.usecases.evidence_keys import EvidenceKeys

log = logs.get("audit")

_HEADS = 0x48454144  # "HEAD": one signer at a time
_AT_LEAST_EVERY = timedelta(days=1)

_TAIL = """
SELECT position, sha256 FROM audit_records
WHERE position IS NOT NULL ORDER BY position DESC LIMIT 1
"""

_LAST = """
SELECT number, position, sha256, signed_at, payload_sha256 FROM audit_heads
ORDER BY number DESC LIMIT 1
"""

_INSERT = """
INSERT INTO audit_heads (number, position, sha256, signed_at, payload_sha256, envelope)
VALUES ($1, $2, $3, $4, $5, $6)
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest signed head."""

    number: int
    position: int
    sha256: str
    signed_at: datetime


class SignAuditHead:
    """Signs a head where there is something new to sign, or none for a day."""

    def __init__(self, database: Database, signer: Signer, keys: EvidenceKeys) -> None:
        self._database = database
        self._signer = signer
        self._keys = keys
        self._seen: Head | None = None  # what this process knows, whatever the table says

    async def __call__(self) -> Head | None:
        """The head that covers every record committed before; None where the log was tampered with.

        A log that is not what an earlier head says gets none, and is told of in an error line. That
        is about the hashes that are stored: a record that was changed under its old hash is found
        by `parlor verify-audit`, which computes each anew.
        """
        await self._keys.introduce()
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _HEADS)
            last = await connection.fetchrow(_LAST)
            tail = await connection.fetchrow(_TAIL)
            known = _head(last) if last is not None else None
            for head in (known, self._seen):
                if head is not None and not await _stands(connection, head, known, tail):
                    log.error("audit.tampered", number=head.number, position=head.position)
                    metrics.AUDIT_TAMPERED.set(1)
                    return None
            metrics.AUDIT_TAMPERED.set(0)
            if tail is None:
                return None
            if known is not None and _covers(known, tail):
                self._seen = known
                return known
            head, envelope = await self._sign(connection, last, tail)
        self._seen = head
        log.info("audit.head", number=head.number, position=head.position, envelope=envelope)
        return head

    async def _sign(
        self, connection: asyncpg.Connection, last: asyncpg.Record | None, tail: asyncpg.Record
    ) -> tuple[Head, dict[str, Any]]:
        moment = now()
        number = last["number"] + 1 if last is not None else 1
        payload = canonical(
            {
                "at": rfc3339(moment),
                "number": number,
                "position": tail["position"],
                "previous_head_sha256": last["payload_sha256"] if last is not None else "0" * 64,
                "sha256": tail["sha256"],
            }
        )
        envelope = self._signer.envelope(AUDIT_HEAD, payload)
        await connection.execute(
            _INSERT,
            number,
            tail["position"],
            tail["sha256"],
            moment,
            hashlib.sha256(payload).hexdigest(),
            orjson.dumps(envelope).decode(),
        )
        return Head(number, tail["position"], tail["sha256"], moment), envelope


def _head(row: asyncpg.Record) -> Head:
    return Head(row["number"], row["position"], row["sha256"], row["signed_at"])


def _covers(head: Head, tail: asyncpg.Record) -> bool:
    """Whether another head would say nothing new, and this one is no day old."""
    return bool(head.position == tail["position"]) and now() - head.signed_at < _AT_LEAST_EVERY


async def _stands(
    connection: asyncpg.Connection, head: Head, known: Head | None, tail: asyncpg.Record | None
) -> bool:
    """Whether the log still is what `head` says, and the table has no fewer heads than it."""
    if tail is None or known is None or known.number < head.number:
        return False
    found = await connection.fetchval(
        "SELECT sha256 FROM audit_records WHERE position = $1", head.position
    )
    return bool(found == head.sha256)
