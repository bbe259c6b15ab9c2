"""Tells what admins, the operator and identity itself did with accounts, for the audit log.

Chat keeps the one audit log of the platform: chained, signed, searched by admins. Identity puts
each action into the outbox of the transaction that did it, and chat adds it to the chain; so none
is lost or recorded twice, and none is on record that did not happen. No e-mail and no name goes
along: the log outlives the person who asks to be forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.principal import Principal

from parlor_identity.events import account_administered


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an admin by id, or a service by name."""

    name: str
    role: str

    @classmethod
    def user(cls, principal: Principal) -> "Actor":
        return cls(str(principal.id), principal.role.value)


OPERATOR = Actor("operator", "service")
IDENTITY = Actor("identity", "service")


def tell(
    transaction: Transaction,
    action: str,
    actor: Actor,
    account_id: UUID | None = None,
    **details: str | int | bool,
) -> None:
    """Commit that `actor` did this together with what it did; `details` are of the record."""
    known: Mapping[str, str | int | bool] = {name: details[name] for name in sorted(details)}
    transaction.publish(
        account_administered(
            action=action,
            actor=actor.name,
            role=actor.role,
            account_id=account_id,
            at=now(),
            details=known,
        )
    )
