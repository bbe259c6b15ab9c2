"""What moderators do with a case before it is decided: take it, give it back, note something.

Called by the moderators' API; each step leaves an audit record in its own transaction.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import ValidationFailed
from parlor_kit.ids import new_id

from parlor_chat import policies
from parlor_chat.case_errors import CaseClosed
from parlor_chat.usecases import audit_trail, moderation_cases
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.moderation_cases import ModerationCase

# A closed case takes no notes: its words have gone with its message, or will.
_NOTE = """
INSERT INTO case_notes (id, case_id, message_id, author_id, text, created_at)
SELECT $2, id, message_id, $3, $4, $5 FROM cases WHERE id = $1 AND state <> 'closed' FOR SHARE
RETURNING true
"""


# Chat knows no roles, but whoever takes part in a conversation is no judge, and identity has told
# of whoever may not sign in.
_NO_JUDGE = """
SELECT EXISTS (SELECT FROM participants WHERE user_id = $1)
    OR EXISTS (SELECT FROM accounts WHERE id = $1 AND disabled)
"""


@dataclass(frozen=True, slots=True)
class Note:
    """A note was made; its text is shown with the case alone."""

    id: UUID
    case_id: UUID
    message_id: UUID
    author_id: UUID
    created_at: datetime


class AssignCase:
    """Gives a case to somebody, or back to all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, actor: Actor, case_id: UUID, *, assignee_id: UUID | None, expected_version: int
    ) -> ModerationCase:
        """The case as it is now.

        Raises:
            AssignmentForbidden: a moderator gives it to somebody else.
            ValidationFailed: an admin gives it to somebody who is known to be no judge.
            NotFound, CaseClosed, StaleCase: it is not what the caller read.
        """
        refusal = policies.refuses_assignment(
            actor_id=UUID(actor.name), role=actor.role, assignee_id=assignee_id
        )
        if refusal is not None:
            raise refusal
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            if str(assignee_id) != actor.name and await connection.fetchval(_NO_JUDGE, assignee_id):
                raise ValidationFailed([("assignee_id", "must be a moderator or an admin")])
            case = await moderation_cases.assign(connection, case_id, expected_version, assignee_id)
            await audit_trail.record(
                connection,
                "case.assigned" if assignee_id else "case.unassigned",
                actor,
                conversation_id=case.conversation_id,
                user_id=case.subject_id,
                details=case.about | ({"assignee_id": str(assignee_id)} if assignee_id else {}),
            )
            return case


async def note_case(transaction: Transaction, actor: Actor, case_id: UUID, text: str) -> Note:
    """Note something on a case.

    Raises:
        NotFound, CaseClosed: there is none, or it has been decided.
    """
    connection = transaction.connection
    case = await moderation_cases.get(connection, case_id)
    note = Note(new_id(), case_id, case.message_id, UUID(actor.name), now())
    made = await connection.fetchval(_NOTE, case_id, note.id, note.author_id, text, note.created_at)
    if not made:
        raise CaseClosed()
    await audit_trail.record(
        connection,
        "case.noted",
        actor,
        conversation_id=case.conversation_id,
        user_id=case.subject_id,
        details=case.about | {"note_id": str(note.id)},
    )
    return note
