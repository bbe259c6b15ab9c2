"""Reactions to accounts and relationships: who may no longer chat, and who may again."""

from uuid import UUID

from parlor_kit.database import Transaction
from parlor_kit.events import Event

from parlor_chat.models import Status
from parlor_chat.ports import Entitlements
from parlor_chat.usecases import entitlement
from parlor_chat.usecases.recheck_conversations import recheck

_CONCERNED = """
SELECT c.id FROM conversations c
WHERE c.status = $2 AND c.id IN (
    SELECT conversation_id FROM participants WHERE user_id = $1
    UNION SELECT conversation_id FROM grounds WHERE distributor_id = $1
) ORDER BY c.id
"""
_NOTE_ACCOUNT = """
INSERT INTO accounts (id, version, disabled) VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET version = excluded.version, disabled = excluded.disabled
WHERE accounts.version < excluded.version
RETURNING true
"""

# Customer learns of accounts by the same events, at its own pace.
_CATCH_UP_SECONDS = 2
_CATCH_UP_ATTEMPTS = 4


async def follow_relationship(
    entitlements: Entitlements, transaction: Transaction, event: Event
) -> None:
    """A relationship has started or ended: customer, which said so, knows what follows."""
    ended = event.type == "relationship.ended"
    ids = await _concerned(
        transaction,
        UUID(event.data["customer_id"]),
        Status.OPEN if ended else Status.CLOSED,
    )
    await recheck(transaction, entitlements, ids)


async def follow_account(
    entitlements: Entitlements, transaction: Transaction, event: Event
) -> None:
    """An account was disabled or enabled; news older than what we know changes nothing."""
    account_id = UUID(event.data["account_id"])
    disabled = event.data["status"] == "disabled"
    fresh = await transaction.connection.fetchval(
        _NOTE_ACCOUNT, account_id, event.data["version"], disabled
    )
    if not fresh:
        return
    ids = await _concerned(transaction, account_id, Status.OPEN if disabled else Status.CLOSED)
    await recheck(transaction, entitlements, ids)
    await entitlement.recheck_later(
        transaction.connection, ids, seconds=_CATCH_UP_SECONDS, attempts=_CATCH_UP_ATTEMPTS
    )


async def _concerned(transaction: Transaction, user_id: UUID, status: Status) -> list[UUID]:
    rows = await transaction.connection.fetch(_CONCERNED, user_id, status.value)
    return [row["id"] for row in rows]
