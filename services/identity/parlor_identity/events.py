"""What identity tells the others: accounts that appear, change, are disabled, enabled and erased.

Topic `identity.events`, keyed by account. `version` counts an account's events, so that a consumer
which has seen a later one drops an earlier. Published in the transaction that changed the row.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from parlor_kit.clock import rfc3339
from parlor_kit.events import Event

TOPIC = "identity.events"

ADMINISTERED = "account.administered"
REGISTERED = "account.registered"
CHANGED = "account.changed"
DISABLED = "account.disabled"
ENABLED = "account.enabled"
ERASED = "account.erased"


class AccountState(Protocol):
    """What an event says of an account."""

    @property
    def id(self) -> UUID: ...

    @property
    def role(self) -> str: ...

    @property
    def status(self) -> str: ...

    @property
    def display_name(self) -> str: ...

    @property
    def email(self) -> str: ...

    @property
    def version(self) -> int: ...


def account_event(type_: str, account: AccountState) -> Event:
    """The event that `account` has come to its present state by `type_`."""
    return Event(
        TOPIC,
        type_,
        str(account.id),
        {
            "account_id": str(account.id),
            "role": str(account.role),
            "status": str(account.status),
            "display_name": account.display_name,
            "email": account.email,
            "version": account.version,
        },
    )


def account_administered(
    *,
    action: str,
    actor: str,
    role: str,
    account_id: UUID | None,
    at: datetime,
    details: Mapping[str, str | int | bool],
) -> Event:
    """Somebody who may has done or looked up something; for the audit log, which chat keeps.

    Keyed by the actor, so that what one does is recorded in that order.
    """
    return Event(
        TOPIC,
        ADMINISTERED,
        actor,
        {
            "action": action,
            "actor": actor,
            "role": role,
            "account_id": None if account_id is None else str(account_id),
            "at": rfc3339(at),
            "details": dict(details),
        },
    )


def account_erased(account_id: UUID, role: str, version: int, at: datetime) -> Event:
    """The owner of the account is nobody any more; everybody erases what they have of them."""
    return Event(
        TOPIC,
        ERASED,
        str(account_id),
        {
            "account_id": str(account_id),
            "role": role,
            "status": "disabled",
            "version": version,
            "erased_at": rfc3339(at),
        },
    )
