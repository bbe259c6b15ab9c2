"""Placing a legal hold on one conversation, asked for by a moderator or an admin.

Called by the moderation API inside the request's transaction. While a hold of a matter stands, the
same matter gets the same hold again; another matter is a second hold that counts for itself.
"""

from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.errors import NotFound
from parlor_kit.ids import new_id

from parlor_chat.retention_models import HoldSource
from parlor_chat.usecases import hold_coverage, legal_holds
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.legal_holds import LegalHold

_STANDING = """
SELECT hold.* FROM holds hold JOIN hold_conversations named ON named.hold_id = hold.id
WHERE named.conversation_id = $1 AND hold.matter = $2
    AND hold.source = 'api' AND hold.released_at IS NULL
"""


async def place_hold(
    transaction: Transaction, actor: Actor, conversation_id: UUID, *, matter: str, reason: str
) -> tuple[LegalHold, bool]:
    """The hold, and whether this call made it. When it returns, no batch can pass it by.

    Raises:
        NotFound: there is no such conversation.
    """
    connection = transaction.connection
    await hold_coverage.enter_gate(connection)
    # Two callers with one matter: the second waits here and finds the hold of the first.
    known = await connection.fetchval(
        "SELECT true FROM conversations WHERE id = $1 FOR NO KEY UPDATE", conversation_id
    )
    if not known:
        raise NotFound("There is no such conversation")
    standing = await connection.fetchrow(_STANDING, conversation_id, matter)
    if standing is not None:
        return LegalHold.of(standing), False
    hold = LegalHold(
        id=new_id(),
        source=HoldSource.API,
        resource_uid=None,
        matter=matter,
        reason=reason,
        placed_by=actor.name,
        placed_at=now(),
        released_at=None,
        released_by=None,
        orphaned_at=None,
    )
    await legal_holds.insert(connection, hold)
    await legal_holds.extend(
        transaction,
        hold,
        actor,
        conversation_ids=[conversation_id],
        custodian_ids=[],
        action="hold.placed",
    )
    return hold, True
