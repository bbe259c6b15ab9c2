"""Keeps what this service knows of accounts: from identity's events, and by asking when it must.

Called by the consumer for each account event, and by invites and redemptions before they start
their transaction, since a call to another service must not hold a database connection. A row is
replaced only by a later version, so neither a late event nor a slow answer undoes a newer one.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg
from parlor_kit.database import Database, Transaction
from parlor_kit.events import Event

from parlor_customer.models import Account
from parlor_customer.ports import AccountState, Directory

_KEEP = """
INSERT INTO accounts (id, email, display_name, role, status, version)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
ON CONFLICT (id) DO UPDATE SET
    email = excluded.email, display_name = excluded.display_name, role = excluded.role,
    status = excluded.status, version = excluded.version
WHERE accounts.version < excluded.version
"""


class Accounts:
    """The projection of identity's accounts."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory

    async def refresh(self, ids: Collection[UUID]) -> None:
        """Ask identity for `ids` and keep what it says.

        Raises:
            DependencyUnavailable: identity does not answer.
        """
        states = await self._directory.accounts(sorted(ids))
        async with self._database.connection() as connection:
            await _keep(connection, states)

    async def know(self, account_id: UUID) -> None:
        """Ask identity for an account only when it was never heard of."""
        if not await Account.exists(id=account_id):
            await self.refresh({account_id})


async def follow_account(transaction: Transaction, event: Event) -> None:
    """Keep what an account event says; every event carries the whole account."""
    data = event.data
    state = AccountState(
        id=UUID(data["account_id"]),
        email=data["email"],
        display_name=data["display_name"],
        role=data["role"],
        status=data["status"],
        version=data["version"],
    )
    await _keep(transaction.connection, [state])


async def _keep(connection: asyncpg.Connection, states: Sequence[AccountState]) -> None:
    # In one order everywhere, so that two writers of the same rows cannot block each other.
    rows = sorted(states, key=lambda state: state.id)
    await connection.execute(
        _KEEP,
        [row.id for row in rows],
        [row.email.lower() for row in rows],
        [row.display_name for row in rows],
        [row.role for row in rows],
        [row.status for row in rows],
        [row.version for row in rows],
    )
