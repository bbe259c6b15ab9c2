"""Reaction to what was done with accounts: identity tells it, the audit log keeps it.

One log for the whole platform is what an admin searches and a lawyer verifies. The record has the
moment at which identity acted; its place in the chain says when it came here.
"""

from datetime import datetime
from uuid import UUID

from parlor_kit.database import Transaction
from parlor_kit.events import Event

from parlor_chat.ports import Entitlements
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.audit_trail import Actor


async def record_administration(_: Entitlements, transaction: Transaction, event: Event) -> None:
    """Add the record that the event tells of."""
    data = event.data
    await audit_trail.record(
        transaction.connection,
        data["action"],
        Actor(data["actor"], data["role"]),
        user_id=UUID(data["account_id"]) if data["account_id"] else None,
        details=data["details"],
        at=datetime.fromisoformat(data["at"]),
    )
