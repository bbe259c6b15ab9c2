"""The audit log as admins read it: searched page by page, and exported whole for a verifier.

Called by the admin routes. Reading the log is itself an audit record. An export begins with a
signed statement of how far it goes, then come all records and all heads, one canonical JSON a line;
`parlor verify-audit` checks it without anything else of ours.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from parlor_kit.clock import now, rfc3339
from parlor_kit.database import Database

from parlor_chat.signing import AUDIT_EXPORT, Signer, canonical
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.audit_heads import SignAuditHead
from parlor_chat.usecases.audit_trail import Actor

_COLUMNS = """
position, at, action, actor, role, conversation_id, hold_id, run_id, user_id, matter, reason,
details, request_id, previous_sha256, sha256
"""

_PART = f"""
SELECT {_COLUMNS} FROM audit_records
WHERE position > $1 AND position <= $2 ORDER BY position LIMIT 1000
"""  # noqa: S608 - columns only

_HEADS = """
SELECT number, envelope FROM audit_heads WHERE number > $1 AND number <= $2
ORDER BY number LIMIT 1000
"""

_EXTENT = """
SELECT tail.position, tail.sha256, (SELECT coalesce(max(number), 0) FROM audit_heads) AS heads
FROM audit_records tail WHERE tail.position IS NOT NULL ORDER BY tail.position DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What somebody looks for; None looks for nothing in particular."""

    actor: str | None = None
    action: str | None = None
    conversation_id: UUID | None = None
    hold_id: UUID | None = None
    user_id: UUID | None = None
    matter: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[tuple[str, Any]]:
        """SQL with `{}` for the place of each value. An action stands for all below it as well."""
        wanted = [
            ("actor = {}", self.actor),
            ("conversation_id = {}", self.conversation_id),
            ("hold_id = {}", self.hold_id),
            ("user_id = {}", self.user_id),
            ("matter = {}", self.matter),
            ("at >= {}", self.since),
            ("at < {}", self.until),
            ("(action = {0} OR action LIKE replace({0}, '_', '\\_') || '.%')", self.action),
        ]
        return [(condition, value) for condition, value in wanted if value is not None]

    def told(self) -> dict[str, Any]:
        """The filter as an audit record tells it."""
        named = {
            "actor": self.actor,
            "action": self.action,
            "conversation_id": self.conversation_id,
            "hold_id": self.hold_id,
            "user_id": self.user_id,
            "matter": self.matter,
            "from": rfc3339(self.since) if self.since else None,
            "to": rfc3339(self.until) if self.until else None,
        }
        return {name: str(value) for name, value in named.items() if value is not None}


class ReadAudit:
    """Reads for admins, and records that they read."""

    def __init__(self, database: Database, signer: Signer, sign_head: SignAuditHead) -> None:
        self._database = database
        self._signer = signer
        self._sign_head = sign_head

    async def page(
        self,
        actor: Actor,
        wanted: AuditFilter,
        *,
        reason: str | None,
        before: int | None,
        limit: int,
    ) -> Sequence[Mapping[str, Any]]:
        """The newest records that fit, below position `before`."""
        conditions = [("position IS NOT NULL", None), *wanted.conditions()]
        if before is not None:
            conditions.append(("position < {}", before))
        values: list[Any] = []
        clauses = []
        for condition, value in conditions:
            if value is not None:
                values.append(value)
            clauses.append(condition.format(f"${len(values)}"))
        query = (
            f"SELECT {_COLUMNS} FROM audit_records WHERE {' AND '.join(clauses)} "  # noqa: S608
            f"ORDER BY position DESC LIMIT {int(limit)}"
        )
        async with self._database.transaction() as transaction:
            rows = await transaction.connection.fetch(query, *values)
            await audit_trail.record(
                transaction.connection,
                "audit.viewed",
                actor,
                matter=wanted.matter,
                reason=reason,
                details={"filter": wanted.told(), "records": len(rows)},
            )
        return [_record(row) for row in rows]

    async def export(self, actor: Actor, reason: str) -> AsyncIterator[bytes]:
        """Record the export, sign the log as it then is, and give all of it in parts."""
        async with self._database.transaction() as transaction:
            await audit_trail.record(transaction.connection, "audit.exported", actor, reason=reason)
        head = await self._sign_head()
        async with self._database.connection() as connection:
            extent = await connection.fetchrow(_EXTENT)
        # A head covers all before it; where none could be signed, the export shows why.
        position, sha256, heads = extent["position"], extent["sha256"], extent["heads"]
        if head is not None:
            position, sha256, heads = head.position, head.sha256, head.number
        statement = canonical(
            {"at": rfc3339(now()), "heads": heads, "position": position, "sha256": sha256}
        )
        envelope = self._signer.envelope(AUDIT_EXPORT, statement)
        return self._parts(orjson.dumps({"export": envelope}) + b"\n", position, heads)

    async def _parts(self, first: bytes, position: int, heads: int) -> AsyncIterator[bytes]:
        yield first
        at = 0
        while rows := await self._fetch(_PART, at, position):
            at = rows[-1]["position"]
            yield b"".join(_line(row) for row in rows)
        number = 0
        while rows := await self._fetch(_HEADS, number, heads):
            number = rows[-1]["number"]
            yield b"".join(b'{"head":%b}\n' % row["envelope"].encode() for row in rows)

    async def _fetch(self, query: str, *arguments: int) -> list[asyncpg.Record]:
        async with self._database.connection() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
        return rows


def _record(row: asyncpg.Record) -> dict[str, Any]:
    return {**dict(row), "details": orjson.loads(row["details"])}


def _line(row: asyncpg.Record) -> bytes:
    content = _record(row)
    sha256 = content.pop("sha256")
    text = {
        name: str(value) if isinstance(value, UUID) else value for name, value in content.items()
    }
    text["at"] = rfc3339(content["at"])
    return b'{"record":%b,"sha256":"%b"}\n' % (canonical(text), sha256.encode())
