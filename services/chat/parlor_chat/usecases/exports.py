"""Exports as their rows tell them: looked up, listed, streamed, and in the end deleted.

Called by the admin routes and by the worker's job that deletes. An admin sees every export, a
moderator those they asked for. Each download is an audit record that is committed before the first
byte goes out.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from parlor_kit.database import Database
from parlor_kit.errors import NotFound
from parlor_kit.pages import encode_cursor, id_in
from parlor_kit.principal import Principal

from parlor_chat.export_errors import ExportFailed, ExportGone, ExportNotReady
from parlor_chat.export_models import ChunkKind, ExportScope, ExportState
from parlor_chat.policies import sees_every_export
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.audit_trail import Actor

COLUMNS = """
id, scope, subject, reason, requested_by, state, requested_at, started_at, finished_at, expires_at,
conversations_total, conversations_done, messages_total, messages_done, size_bytes, sha256,
manifest_sha256
"""

_ONE = f"""
SELECT {COLUMNS} FROM exports WHERE id = $1 AND ($2::uuid IS NULL OR requested_by = $2)
"""  # noqa: S608 - columns only

_PAGE = f"""
SELECT {COLUMNS} FROM exports
WHERE ($1::uuid IS NULL OR id < $1) AND ($2::uuid IS NULL OR requested_by = $2)
ORDER BY id DESC LIMIT $3
"""  # noqa: S608 - columns only

_STILL = "SELECT state = 'ready' AND expires_at > now() FROM exports WHERE id = $1"

_CHUNK = """
SELECT number, content FROM export_chunks
WHERE export_id = $1 AND kind = $2 AND number > $3 ORDER BY number LIMIT 1
"""

_OVER = """
UPDATE exports SET state = 'deleted' WHERE id IN (
    SELECT id FROM exports WHERE state = 'ready' AND expires_at <= now()
    ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
) RETURNING id, scope, subject
"""

_FORGET = """
WITH gone AS (
    DELETE FROM export_chunks WHERE id IN (
        SELECT chunk.id FROM exports export
        JOIN export_chunks chunk ON chunk.export_id = export.id
        WHERE export.state IN ('deleted', 'failed') LIMIT 100 FOR UPDATE OF chunk SKIP LOCKED
    ) RETURNING 1
) SELECT count(*) FROM gone
"""

BUILDER = Actor("chat", "service")


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A row of `exports`, but for what only its builder needs."""

    id: UUID
    scope: ExportScope
    subject: str
    reason: str
    requested_by: UUID
    state: ExportState
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    conversations_total: int
    conversations_done: int
    messages_total: int | None
    messages_done: int
    size_bytes: int | None
    sha256: str | None
    manifest_sha256: str | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> "ExportRow":
        values = dict(row)
        return cls(
            scope=ExportScope(values.pop("scope")), state=ExportState(values.pop("state")), **values
        )


def about(export: Any) -> dict[str, Any]:
    """What an audit record says of the export it is about."""
    return {
        "export_id": str(export["id"]),
        "scope": str(export["scope"]),
        "subject": export["subject"],
    }


def concerned(scope: ExportScope, subject: str) -> dict[str, Any]:
    """The columns by which an audit record of an export is found."""
    match scope:
        case ExportScope.CONVERSATION:
            return {"conversation_id": UUID(subject)}
        case ExportScope.CUSTODIAN:
            return {"user_id": UUID(subject)}
        case ExportScope.MATTER:
            return {"matter": subject}


class Exports:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, viewer: Principal, export_id: UUID) -> ExportRow:
        """Raises `NotFound` for one that this viewer may not know of."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_ONE, export_id, _only(viewer))
        if row is None:
            raise NotFound("There is no such export")
        return ExportRow.of(row)

    async def page(
        self, viewer: Principal, limit: int, cursor: str | None
    ) -> tuple[list[ExportRow], str | None]:
        """Those that the viewer may see, newest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_PAGE, id_in(cursor), _only(viewer), limit + 1)
        more = encode_cursor(rows[limit - 1]["id"]) if len(rows) > limit else None
        return [ExportRow.of(row) for row in rows[:limit]], more

    async def download(
        self, viewer: Principal, export_id: UUID
    ) -> tuple[ExportRow, AsyncIterator[bytes]]:
        """The export and its bytes, one chunk in memory at a time.

        Raises:
            ExportNotReady, ExportFailed, ExportGone: there are none.
            NotFound: this viewer may not know of it.
        """
        export = await self.get(viewer, export_id)
        match export.state:
            case ExportState.PENDING | ExportState.BUILDING:
                raise ExportNotReady()
            case ExportState.FAILED:
                raise ExportFailed()
            case ExportState.DELETED:
                raise ExportGone()
        async with self._database.transaction() as transaction:
            # The job that deletes may be behind, or away; what is over is not handed out.
            if not await transaction.connection.fetchval(_STILL, export.id):
                raise ExportGone("The time of this export is over")
            await audit_trail.record(
                transaction.connection,
                "export.downloaded",
                Actor.user(viewer),
                **concerned(export.scope, export.subject),
                reason=export.reason,
                details={
                    "export_id": str(export.id),
                    "scope": export.scope,
                    "subject": export.subject,
                    "sha256": export.sha256,
                },
            )
        return export, self._content(export)

    async def _content(self, export: ExportRow) -> AsyncIterator[bytes]:
        sent = 0
        async for chunk in chunks(self._database, export.id, ChunkKind.CONTENT):
            sent += len(chunk)
            yield chunk
        if sent != export.size_bytes:
            raise ExportGone("This export was deleted while it was sent")


async def chunks(database: Database, export_id: UUID, kind: ChunkKind) -> AsyncIterator[bytes]:
    """The chunks of one kind in order, each read when the one before is done with."""
    number = 0
    while True:
        async with database.connection() as connection:
            row = await connection.fetchrow(_CHUNK, export_id, kind, number)
        if row is None:
            return
        number = row["number"]
        yield row["content"]


class DeleteExports:
    """The worker's job: exports whose time is over, and what failed ones have left, go."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> None:
        async with self._database.transaction() as transaction:
            for row in await transaction.connection.fetch(_OVER):
                await audit_trail.record(
                    transaction.connection, "export.deleted", BUILDER, details=about(row)
                )
        while True:
            async with self._database.connection() as connection:
                if not await connection.fetchval(_FORGET):
                    return


def _only(viewer: Principal) -> UUID | None:
    return None if sees_every_export(viewer.role) else viewer.id
