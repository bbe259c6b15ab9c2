"""A moderator decides a case: its row, what follows for the message, and who is told, in one go.

Called by the moderators' API. `removed` takes the message out of its participants' view and leaves
all versions to moderators; `warned` is a notice to its sender; `suspended` is for identity, which
acts on the event. Everybody who reported it gets a notice. From the commit on the case keeps
nothing any more.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Database, Transaction

from parlor_chat import case_events, message_changes
from parlor_chat.case_models import Outcome
from parlor_chat.message_changes import UNCHANGED
from parlor_chat.usecases import audit_trail, moderation_cases
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.change_message import Wake, erase_from_view
from parlor_chat.usecases.give_notices import give_notices
from parlor_chat.usecases.moderation_cases import ModerationCase

# Before the case's own row, as reporting does, so that nobody waits in a circle.
_LOCK = "SELECT FROM conversations WHERE id = $1 FOR NO KEY UPDATE"

_MESSAGE = "SELECT id, conversation_id FROM messages WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Decision:
    """How a case is to end; `explanation` is for the one who sent the message."""

    outcome: Outcome
    expected_version: int
    reason: str
    explanation: str | None


class CloseCase:
    """`POST /admin/cases/{id}/close`."""

    def __init__(self, database: Database, wake: Wake) -> None:
        self._database = database
        self._wake = wake

    async def __call__(self, actor: Actor, case_id: UUID, decision: Decision) -> ModerationCase:
        """The closed case.

        Raises:
            NotFound, CaseClosed, StaleCase: it is not what the caller read.
        """
        moment, by = now(), UUID(actor.name)
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            open_one = await moderation_cases.get(connection, case_id)
            await connection.execute(_LOCK, open_one.conversation_id)
            case = await moderation_cases.close(
                connection,
                case_id,
                decision.expected_version,
                outcome=decision.outcome,
                by=by,
                at=moment,
            )
            seq = None
            if decision.outcome is Outcome.REMOVED:
                seq = await _remove(transaction, case, by, moment)
            await give_notices(transaction, case, decision.explanation, moment)
            await self._tell(transaction, actor, case, decision, moment)
        if seq is not None:
            self._wake(case.conversation_id, seq)
        return case

    @staticmethod
    async def _tell(
        transaction: Transaction,
        actor: Actor,
        case: ModerationCase,
        decision: Decision,
        at: datetime,
    ) -> None:
        await audit_trail.record(
            transaction.connection,
            "case.closed",
            actor,
            conversation_id=case.conversation_id,
            user_id=case.subject_id,
            reason=decision.reason,
            details=case.about | {"outcome": decision.outcome.value},
        )
        transaction.publish(
            case_events.case_closed(
                case.id,
                conversation_id=case.conversation_id,
                message_id=case.message_id,
                subject_id=case.subject_id,
                outcome=decision.outcome.value,
                closed_by=UUID(actor.name),
                at=at,
            )
        )


async def _remove(
    transaction: Transaction, case: ModerationCase, by: UUID, at: datetime
) -> int | None:
    """Take the message out of view, unless it is already; its seq in the stream."""
    connection = transaction.connection
    message = await connection.fetchrow(_MESSAGE, case.message_id)
    changes = await message_changes.current(connection, [case.message_id])
    change = changes.get(case.message_id, UNCHANGED)
    if message is None or change.deleted:
        return None
    return await erase_from_view(transaction, message, change, kind="removed", by=by, at=at)
