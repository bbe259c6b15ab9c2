"""The queue of cases, and one case with its reports, its notes and the message that it is about.

Called by the moderators' API. Looking into a case is looking at retained content: it leaves an
audit record in the transaction that reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from parlor_kit.database import Database

from parlor_chat.case_models import CaseState
from parlor_chat.usecases import audit_trail, moderation_cases, retained_messages
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.moderation_cases import ModerationCase
from parlor_chat.usecases.retained_messages import RetainedMessage

_PAGE = f"""
SELECT {moderation_cases.COLUMNS},
    (SELECT count(*) FROM reports WHERE case_id = cases.id) AS reports
FROM cases
WHERE ($1::text IS NULL OR state = $1)
    AND ($2::uuid IS NULL OR assignee_id = $2)
    AND ($3::uuid IS NULL OR conversation_id = $3)
    AND ($4::uuid IS NULL OR subject_id = $4)
    AND ($5::uuid IS NULL OR id > $5)
ORDER BY id LIMIT $6
"""  # noqa: S608 - columns only

_REPORTS = """
SELECT id, reporter_id, category, reason, created_at FROM reports WHERE case_id = $1 ORDER BY id
"""

_NOTES = """
SELECT id, author_id, text, created_at FROM case_notes WHERE case_id = $1 ORDER BY id
"""

_MESSAGE = f"""
SELECT {retained_messages.COLUMNS} FROM messages WHERE id = $1
"""  # noqa: S608 - columns only


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases; what is None does not matter."""

    state: CaseState | None = None
    assignee_id: UUID | None = None
    conversation_id: UUID | None = None
    subject_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """A case of the queue, and how many have reported its message."""

    case: ModerationCase
    reports: int


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that there is of a case; `message` is None once it has expired."""

    case: ModerationCase
    reports: Sequence[Mapping[str, Any]]
    notes: Sequence[Mapping[str, Any]]
    message: RetainedMessage | None


class ViewCases:
    """`GET` of cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: CaseFilter, limit: int, after: UUID | None
    ) -> tuple[Sequence[Counted], UUID | None]:
        """Oldest first, and the last id when more follow."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _PAGE,
                wanted.state,
                wanted.assignee_id,
                wanted.conversation_id,
                wanted.subject_id,
                after,
                limit + 1,
            )
        found = [Counted(ModerationCase.of(row), row["reports"]) for row in rows[:limit]]
        return found, found[-1].case.id if len(rows) > limit else None

    async def one(self, actor: Actor, case_id: UUID, reason: str | None = None) -> Dossier:
        """The case with its evidence, or NotFound."""
        async with self._database.transaction() as transaction:
            dossier = await _read(transaction.connection, case_id)
            await audit_trail.record(
                transaction.connection,
                "case.viewed",
                actor,
                conversation_id=dossier.case.conversation_id,
                user_id=dossier.case.subject_id,
                reason=reason,
                details=dossier.case.about,
            )
        return dossier


async def _read(connection: asyncpg.Connection, case_id: UUID) -> Dossier:
    case = await moderation_cases.get(connection, case_id)
    rows = await connection.fetch(_MESSAGE, case.message_id)
    messages = await retained_messages.retained_messages(connection, rows)
    return Dossier(
        case=case,
        reports=await connection.fetch(_REPORTS, case_id),
        notes=await connection.fetch(_NOTES, case_id),
        message=messages[0] if messages else None,
    )
