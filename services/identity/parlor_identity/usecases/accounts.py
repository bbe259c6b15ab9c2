"""The rows of accounts as the use cases read and write them, with the events that go along.

Whoever changes an account holds its row's lock from reading to writing, so that its events leave
in the order of their versions.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.errors import Unauthenticated
from parlor_kit.ids import new_id, parse_id
from parlor_kit.principal import Principal, Role

from parlor_identity import events
from parlor_identity.errors import EmailTaken
from parlor_identity.models import ManagedBy

COLUMNS = (
    "id, email, display_name, role, status, managed_by, resource_uid, first_login_at, "
    "suspended_for, erased_at, version, created_at"
)

_INSERT = f"""
INSERT INTO accounts (id, email, display_name, role, status, managed_by, resource_uid,
                      password_hash, password_changed_at, version, created_at)
VALUES ($1, $2, $3, $4, 'active', $5, $6, $7, $8, 1, $8)
ON CONFLICT (email) DO NOTHING RETURNING {COLUMNS}
"""  # noqa: S608 - the columns are ours


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account without its password."""

    id: UUID
    email: str
    display_name: str
    role: str
    status: str
    managed_by: str
    resource_uid: str | None
    first_login_at: datetime | None
    suspended_for: UUID | None
    erased_at: datetime | None
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account begins with."""

    email: str
    display_name: str
    role: Role
    password_hash: str
    managed_by: ManagedBy = ManagedBy.API
    resource_uid: str | None = None


def row_of(record: asyncpg.Record) -> AccountRow:
    return AccountRow(**dict(record))


async def add_account(transaction: Transaction, new: NewAccount) -> AccountRow:
    """Insert the account and tell of it; of several that race for an e-mail, one succeeds."""
    record = await transaction.connection.fetchrow(
        _INSERT,
        new_id(),
        new.email,
        new.display_name,
        str(new.role),
        str(new.managed_by),
        new.resource_uid,
        new.password_hash,
        now(),
    )
    if record is None:
        raise EmailTaken()
    account = row_of(record)
    transaction.publish(events.account_event(events.REGISTERED, account))
    return account


async def lock_account(
    transaction: Transaction, column: str, value: UUID | str
) -> AccountRow | None:
    """The account whose `column` (`id` or `resource_uid`) is `value`, locked for a change."""
    if column not in {"id", "resource_uid"}:
        raise ValueError(column)
    record = await transaction.connection.fetchrow(
        f"SELECT {COLUMNS} FROM accounts WHERE {column} = $1 FOR UPDATE",  # noqa: S608
        value,
    )
    return None if record is None else row_of(record)


async def change_account(
    transaction: Transaction, account: AccountRow, event: str, **changes: Any
) -> AccountRow:
    """Write `changes` to a locked account under the next version, and tell of it."""
    columns = ", ".join(f"{name} = ${number}" for number, name in enumerate(changes, start=2))
    try:
        record = await transaction.connection.fetchrow(
            f"UPDATE accounts SET version = version + 1, {columns} "  # noqa: S608
            f"WHERE id = $1 RETURNING {COLUMNS}",
            account.id,
            *(None if value is None else str(value) for value in changes.values()),
        )
    except asyncpg.UniqueViolationError as taken:
        raise EmailTaken() from taken
    changed = row_of(record)
    transaction.publish(events.account_event(event, changed))
    return changed


async def still_acting(connection: asyncpg.Connection, principal: Principal) -> None:
    """Refuse a caller whose account is disabled or whose session is over.

    The access token alone would be good for some minutes more: other services accept that,
    identity, which knows, does not.
    """
    going_on = await connection.fetchval(
        "SELECT true FROM sessions AS session JOIN accounts AS account "
        "ON account.id = session.account_id WHERE session.id = $1 AND account.id = $2 "
        "AND session.ended_at IS NULL AND account.status = 'active'",
        parse_id(principal.session_id),
        principal.id,
    )
    if not going_on:
        raise Unauthenticated()
