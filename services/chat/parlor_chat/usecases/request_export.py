"""Somebody asks for an export of a matter, a custodian or a conversation.

Called by the admin API, inside the request's transaction. Which conversations are in it is fixed
here and now; the worker reads them later. A matter has the conversations of all its holds, released
ones as well: what they kept may still be there, and whoever looks for it has to find it.
"""

from dataclasses import dataclass

from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.ids import new_id
from parlor_kit.principal import Principal

from parlor_chat.export_errors import ExportForbidden, NothingToExport
from parlor_chat.export_models import ExportScope, ExportState
from parlor_chat.policies import may_export
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.exports import COLUMNS, ExportRow, concerned

_CONVERSATIONS = {
    ExportScope.CONVERSATION: "SELECT $2::text::uuid",
    ExportScope.CUSTODIAN: """
        SELECT conversation_id FROM participants WHERE user_id = $2::text::uuid
    """,
    ExportScope.MATTER: """
        SELECT named.conversation_id FROM holds hold
        JOIN hold_conversations named ON named.hold_id = hold.id WHERE hold.matter = $2::text
        UNION
        SELECT participant.conversation_id FROM holds hold
        JOIN hold_custodians custodian ON custodian.hold_id = hold.id
        JOIN participants participant ON participant.user_id = custodian.user_id
        WHERE hold.matter = $2::text
    """,
}

_PLAN = """
WITH planned AS (
    INSERT INTO export_conversations (export_id, position, conversation_id)
    SELECT $1, row_number() OVER (ORDER BY id), id FROM conversations WHERE id IN ({covered})
    RETURNING 1
) SELECT count(*) FROM planned
"""

_INSERT = f"""
INSERT INTO exports (id, scope, subject, reason, requested_by, requester_role, state, requested_at,
    attempts, conversations_total, conversations_done, messages_done)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, 0) RETURNING {COLUMNS}
"""  # noqa: S608 - columns only

_COUNTED = f"""
UPDATE exports SET conversations_total = $2 WHERE id = $1 RETURNING {COLUMNS}
"""  # noqa: S608 - columns only


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What to export, and why; `subject` is a matter's name or somebody's or something's id."""

    scope: ExportScope
    subject: str
    reason: str


async def request_export(
    transaction: Transaction, requester: Principal, order: ExportOrder
) -> ExportRow:
    """Write the export down for a worker to build.

    Raises:
        ExportForbidden: this role may not export so much.
        NothingToExport: no conversation would be in it.
    """
    if not may_export(requester.role, order.scope):
        raise ExportForbidden()
    connection, export_id = transaction.connection, new_id()
    await connection.execute(
        _INSERT,
        export_id,
        order.scope,
        order.subject,
        order.reason,
        requester.id,
        requester.role,
        ExportState.PENDING,
        now(),
    )
    covered = _PLAN.format(covered=_CONVERSATIONS[order.scope])
    planned = await connection.fetchval(covered, export_id, order.subject)
    if not planned:
        raise NothingToExport()
    await audit_trail.record(
        connection,
        "export.requested",
        Actor.user(requester),
        **concerned(order.scope, order.subject),
        reason=order.reason,
        details={
            "export_id": str(export_id),
            "scope": order.scope,
            "subject": order.subject,
            "conversations": planned,
        },
    )
    return ExportRow.of(await connection.fetchrow(_COUNTED, export_id, planned))
