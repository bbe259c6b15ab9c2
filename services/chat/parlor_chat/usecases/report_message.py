"""A participant reports a message: the first report opens a case, which keeps the evidence.

Called by the participants' API inside the request's transaction. The same reporter again gets the
report that there is. A case opens as a hold is placed, through the gate: what is there when it
commits stays until it is decided.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.errors import NotFound
from parlor_kit.ids import new_id

from parlor_chat import case_events, policies
from parlor_chat.case_models import Category
from parlor_chat.usecases import audit_trail, hold_coverage, moderation_cases
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.moderation_cases import ModerationCase

_WHERE = "SELECT conversation_id FROM messages WHERE id = $1"

_LOCK = "SELECT FROM conversations WHERE id = $1 FOR NO KEY UPDATE"

_MESSAGE = """
SELECT m.id, m.conversation_id, m.sender_id FROM messages m
JOIN participants p ON p.conversation_id = m.conversation_id AND p.user_id = $2
WHERE m.id = $1 AND m.archived_at IS NULL
"""

_KNOWN = """
SELECT id, case_id, message_id, reporter_id, category, created_at FROM reports
WHERE message_id = $1 AND reporter_id = $2
"""

_ADD = """
INSERT INTO reports (id, case_id, message_id, reporter_id, category, reason, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


@dataclass(frozen=True, slots=True)
class Report:
    """A report as its reporter sees it, with how its case stands."""

    id: UUID
    message_id: UUID
    category: Category
    created_at: datetime
    case: ModerationCase


async def report_message(
    transaction: Transaction,
    reporter_id: UUID,
    actor: Actor,
    message_id: UUID,
    *,
    category: Category,
    reason: str,
) -> tuple[Report, bool]:
    """The report, and whether this call made it.

    Raises:
        NotFound: there is no such message for this user.
        NotReportable: it is their own, or one of the platform.
    """
    connection = transaction.connection
    message = await _locked(connection, reporter_id, message_id)
    refusal = policies.refuses_report(sender_id=message["sender_id"], reporter_id=reporter_id)
    if refusal is not None:
        raise refusal
    known = await connection.fetchrow(_KNOWN, message_id, reporter_id)
    if known is not None:
        case = await moderation_cases.get(connection, known["case_id"])
        return _report(known["id"], message_id, known["category"], known["created_at"], case), False
    moment = now()
    found = await moderation_cases.unclosed(connection, message_id)
    case = found or await _open(transaction, actor, message, category, moment)
    report_id = new_id()
    await connection.execute(
        _ADD, report_id, case.id, message_id, reporter_id, category.value, reason, moment
    )
    return _report(report_id, message_id, category, moment, case), True


async def _locked(
    connection: asyncpg.Connection, reporter_id: UUID, message_id: UUID
) -> asyncpg.Record:
    """The message as this participant may see it, with its conversation locked."""
    await hold_coverage.enter_gate(connection)
    await connection.execute(_LOCK, await connection.fetchval(_WHERE, message_id))
    message = await connection.fetchrow(_MESSAGE, message_id, reporter_id)
    if message is None:
        raise NotFound()
    return message


async def _open(
    transaction: Transaction,
    actor: Actor,
    message: asyncpg.Record,
    category: Category,
    at: datetime,
) -> ModerationCase:
    connection = transaction.connection
    case = await moderation_cases.open_case(connection, new_id(), message, at)
    await audit_trail.record(
        connection,
        "case.opened",
        actor,
        conversation_id=case.conversation_id,
        user_id=case.subject_id,
        details={**case.about, "category": category.value},
    )
    transaction.publish(
        case_events.case_opened(
            case.id,
            conversation_id=case.conversation_id,
            message_id=case.message_id,
            subject_id=case.subject_id,
            category=category.value,
            at=at,
        )
    )
    return case


def _report(
    report_id: UUID, message_id: UUID, category: str, at: datetime, case: ModerationCase
) -> Report:
    return Report(report_id, message_id, Category(category), at, case)
