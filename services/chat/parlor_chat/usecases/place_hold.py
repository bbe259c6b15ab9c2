"""Placing a legal hold, asked for by a moderator or an admin: on a conversation or a matter's.

Called by the moderation API inside the request's transaction. While a hold of a matter stands on a
conversation, the same matter gets the same hold again; another matter is a second hold that counts
for itself. A hold on a whole matter names conversations and custodians, and is always a new one.
"""

from collections.abc import Sequence
from uuid import UUID

from parlor_kit.database import Transaction
from parlor_kit.errors import NotFound

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
    hold = LegalHold.new(actor, matter=matter, reason=reason)
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


async def hold_matter(
    transaction: Transaction,
    actor: Actor,
    *,
    matter: str,
    reason: str,
    conversation_ids: Sequence[UUID],
    custodian_ids: Sequence[UUID],
) -> LegalHold:
    """A hold on conversations and custodians; those that chat does not have are held as they come.

    When it returns, no batch can pass it by.
    """
    await hold_coverage.enter_gate(transaction.connection)
    hold = LegalHold.new(actor, matter=matter, reason=reason)
    await legal_holds.insert(transaction.connection, hold)
    await legal_holds.extend(
        transaction,
        hold,
        actor,
        conversation_ids=sorted(set(conversation_ids)),
        custodian_ids=sorted(set(custodian_ids)),
        action="hold.placed",
    )
    return hold
