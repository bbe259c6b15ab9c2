"""A case as its row tells it, and how its row changes: only from the version that somebody read.

Called by the use cases that open, assign, close and show cases. Nothing here decides who may.
Whoever opens or closes a case holds its conversation's row lock, so reports and decisions follow on
each other; a case that is not closed keeps its conversation, see `hold_coverage`.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
from parlor_kit.errors import NotFound, ParlorError

from parlor_chat.case_errors import CaseClosed, StaleCase
from parlor_chat.case_models import CaseState, Outcome

COLUMNS: Final = """
id, message_id, conversation_id, subject_id, state, assignee_id, outcome, version, opened_at,
closed_at, closed_by
"""

_OPEN = f"""
INSERT INTO cases ({COLUMNS}) VALUES ($1, $2, $3, $4, 'open', NULL, NULL, 1, $5, NULL, NULL)
RETURNING {COLUMNS}
"""  # noqa: S608 - columns only

_ONE = f"SELECT {COLUMNS} FROM cases WHERE id = $1"  # noqa: S608 - columns only

_UNCLOSED = f"""
SELECT {COLUMNS} FROM cases WHERE message_id = $1 AND state <> 'closed'
"""  # noqa: S608 - columns only

_ASSIGN = f"""
UPDATE cases SET assignee_id = $3, version = version + 1,
    state = CASE WHEN $3::uuid IS NULL THEN 'open' ELSE 'in_review' END
WHERE id = $1 AND version = $2 AND state <> 'closed' RETURNING {COLUMNS}
"""  # noqa: S608 - columns only

_CLOSE = f"""
UPDATE cases SET state = 'closed', outcome = $3, closed_at = $4, closed_by = $5,
    version = version + 1
WHERE id = $1 AND version = $2 AND state <> 'closed' RETURNING {COLUMNS}
"""  # noqa: S608 - columns only


@dataclass(frozen=True, slots=True)
class ModerationCase:
    """A row of `cases`."""

    id: UUID
    message_id: UUID
    conversation_id: UUID
    subject_id: UUID
    state: CaseState
    assignee_id: UUID | None
    outcome: Outcome | None
    version: int
    opened_at: datetime
    closed_at: datetime | None
    closed_by: UUID | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> "ModerationCase":
        return cls(
            id=row["id"],
            message_id=row["message_id"],
            conversation_id=row["conversation_id"],
            subject_id=row["subject_id"],
            state=CaseState(row["state"]),
            assignee_id=row["assignee_id"],
            outcome=Outcome(row["outcome"]) if row["outcome"] else None,
            version=row["version"],
            opened_at=row["opened_at"],
            closed_at=row["closed_at"],
            closed_by=row["closed_by"],
        )

    @property
    def closed(self) -> bool:
        return self.state is CaseState.CLOSED

    @property
    def about(self) -> dict[str, Any]:
        """What an audit record says of it beside its conversation and its subject."""
        return {"case_id": str(self.id), "message_id": str(self.message_id)}


async def open_case(
    connection: asyncpg.Connection, case_id: UUID, message: Any, at: datetime
) -> ModerationCase:
    row = await connection.fetchrow(
        _OPEN, case_id, message["id"], message["conversation_id"], message["sender_id"], at
    )
    return ModerationCase.of(row)


async def get(connection: asyncpg.Connection, case_id: UUID) -> ModerationCase:
    """The case, or NotFound."""
    row = await connection.fetchrow(_ONE, case_id)
    if row is None:
        raise NotFound("There is no such case")
    return ModerationCase.of(row)


async def unclosed(connection: asyncpg.Connection, message_id: UUID) -> ModerationCase | None:
    """The case of a message that is still to be decided."""
    row = await connection.fetchrow(_UNCLOSED, message_id)
    return None if row is None else ModerationCase.of(row)


async def assign(
    connection: asyncpg.Connection, case_id: UUID, version: int, assignee_id: UUID | None
) -> ModerationCase:
    """Give the case to somebody, or back to all.

    Raises:
        NotFound, CaseClosed, StaleCase: it is not at `version` any more.
    """
    row = await connection.fetchrow(_ASSIGN, case_id, version, assignee_id)
    if row is None:
        raise await _missed(connection, case_id)
    return ModerationCase.of(row)


async def close(
    connection: asyncpg.Connection,
    case_id: UUID,
    version: int,
    *,
    outcome: Outcome,
    by: UUID,
    at: datetime,
) -> ModerationCase:
    """Decide the case.

    Raises:
        NotFound, CaseClosed, StaleCase: it is not at `version` any more.
    """
    row = await connection.fetchrow(_CLOSE, case_id, version, outcome.value, at, by)
    if row is None:
        raise await _missed(connection, case_id)
    return ModerationCase.of(row)


async def _missed(connection: asyncpg.Connection, case_id: UUID) -> ParlorError:
    """Why a conditional update met no row; the refusal says how the case stands."""
    case = await get(connection, case_id)
    kind = CaseClosed if case.closed else StaleCase
    return kind(extra={"case": asdict(case)})
