"""An admin disables an account, or enables it again.

Disabling ends every session at once. Both accounts' rows are locked, so that two admins who disable
each other at the same moment cannot both succeed and leave nobody. Enabling lifts a suspension; the
account of a Distributor resource is then what the resource says, from its next reconciliation on.
"""

from dataclasses import replace
from uuid import UUID

from parlor_kit.database import Database, Transaction
from parlor_kit.errors import NotFound
from parlor_kit.principal import Principal

from parlor_identity import events
from parlor_identity.errors import AccountErased, ManagedByOperator, OwnAccount
from parlor_identity.models import AccountStatus, ManagedBy, SessionEnd
from parlor_identity.usecases.accounts import (
    AccountRow,
    change_account,
    lock_account,
    still_acting,
)
from parlor_identity.usecases.admin_actions import Actor, tell
from parlor_identity.usecases.sessions import end_sessions

_EVENTS = {AccountStatus.ACTIVE: events.ENABLED, AccountStatus.DISABLED: events.DISABLED}


async def set_status(
    transaction: Transaction, account: AccountRow, status: AccountStatus
) -> AccountRow:
    """Bring a locked account to `status`; nothing happens when it has it."""
    if account.status == status:
        return account
    changed = await change_account(transaction, account, _EVENTS[status], status=status)
    if status is AccountStatus.DISABLED:
        await end_sessions(transaction.connection, account.id, SessionEnd.ACCOUNT_DISABLED)
    return changed


class ChangeStatus:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, actor: Principal, account_id: UUID, status: AccountStatus
    ) -> AccountRow:
        """Raises `OwnAccount`, `ManagedByOperator`, `AccountErased` or `NotFound`."""
        async with self._database.transaction() as transaction:
            for each in sorted({actor.id, account_id}):
                await lock_account(transaction, "id", each)
            await still_acting(transaction.connection, actor)
            account = await lock_account(transaction, "id", account_id)
            if account is None:
                raise NotFound()
            if account.id == actor.id and status is AccountStatus.DISABLED:
                raise OwnAccount()
            if account.erased_at is not None and status is AccountStatus.ACTIVE:
                raise AccountErased()
            lifts = account.suspended_for is not None and status is AccountStatus.ACTIVE
            if lifts:
                account = await _lift(transaction, account)
                tell(transaction, "account.suspension_lifted", Actor.user(actor), account.id)
            if account.managed_by == ManagedBy.OPERATOR:
                if lifts:
                    return account
                raise ManagedByOperator()
            changed = await set_status(transaction, account, status)
            if changed is not account:
                tell(transaction, _EVENTS[status], Actor.user(actor), account.id)
            return changed


async def _lift(transaction: Transaction, account: AccountRow) -> AccountRow:
    await transaction.connection.execute(
        "UPDATE accounts SET suspended_for = NULL WHERE id = $1", account.id
    )
    return replace(account, suspended_for=None)
