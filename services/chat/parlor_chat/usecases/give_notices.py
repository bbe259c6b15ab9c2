"""Notices: what the platform tells one person about a decision, and nobody else.

`give_notices` is called when a case closes, in its transaction; `Notices` by the people they are
for. A notice names the message and the outcome and never repeats what was written.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from parlor_kit.database import Database, Transaction
from parlor_kit.errors import NotFound
from parlor_kit.ids import new_id

from parlor_chat import case_events
from parlor_chat.case_models import NoticeKind, Outcome
from parlor_chat.usecases.moderation_cases import ModerationCase

_REPORTERS = "SELECT reporter_id FROM reports WHERE case_id = $1 ORDER BY id"

_GIVE = """
INSERT INTO notices (id, user_id, kind, case_id, conversation_id, message_id, outcome,
    explanation, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

_COLUMNS = """
id, kind, conversation_id, message_id, outcome, explanation, created_at, read_at
"""

_MINE = f"""
SELECT {_COLUMNS} FROM notices
WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""  # noqa: S608 - columns only

_READ = f"""
UPDATE notices SET read_at = coalesce(read_at, now()) WHERE id = $1 AND user_id = $2
RETURNING {_COLUMNS}
"""  # noqa: S608 - columns only


async def give_notices(
    transaction: Transaction, case: ModerationCase, explanation: str | None, at: datetime
) -> None:
    """Tell those who reported, and the sender of the message unless it is as it was."""
    rows = await transaction.connection.fetch(_REPORTERS, case.id)
    given: list[tuple[UUID, NoticeKind, str | None]] = [
        (row["reporter_id"], NoticeKind.REPORT_DECIDED, None) for row in rows
    ]
    if case.outcome is not Outcome.RETAINED:
        given.append((case.subject_id, NoticeKind.MESSAGE_DECIDED, explanation))
    for user_id, kind, words in given:
        notice_id = new_id()
        await transaction.connection.execute(
            _GIVE,
            notice_id,
            user_id,
            kind.value,
            case.id,
            case.conversation_id,
            case.message_id,
            case.outcome,
            words,
            at,
        )
        transaction.publish(
            case_events.notice_given(
                notice_id, case_id=case.id, user_id=user_id, kind=kind.value, at=at
            )
        )


class Notices:
    """The notices of a person."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, user_id: UUID, limit: int, before: UUID | None
    ) -> tuple[Sequence[Mapping[str, Any]], UUID | None]:
        """Newest first, and the last id when more follow."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_MINE, user_id, before, limit + 1)
        return rows[:limit], rows[limit - 1]["id"] if len(rows) > limit else None

    async def read(self, user_id: UUID, notice_id: UUID) -> Mapping[str, Any]:
        """Note that it was read; the first time stands. NotFound to anybody else."""
        async with self._database.connection() as connection:
            row: Mapping[str, Any] | None = await connection.fetchrow(_READ, notice_id, user_id)
        if row is None:
            raise NotFound()
        return row
