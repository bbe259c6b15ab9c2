"""A Distributor resource and its account: kept in step by the operator through internal routes.

The resource's uid is the account's key, so any call may be repeated after any crash and there is
one account. An e-mail that belongs to another account is refused, never adopted: a resource must
not be a way to take over somebody's account. What moderators suspended stays disabled, whatever the
resource says, until an admin lifts it.
"""

from dataclasses import dataclass

from parlor_kit.clock import now
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import NotFound
from parlor_kit.principal import Role

from parlor_identity import events, passwords
from parlor_identity.models import AccountStatus, ManagedBy, SessionEnd
from parlor_identity.ports import PasswordHasher
from parlor_identity.usecases.accounts import (
    COLUMNS,
    AccountRow,
    NewAccount,
    add_account,
    change_account,
    lock_account,
    row_of,
)
from parlor_identity.usecases.admin_actions import OPERATOR, tell
from parlor_identity.usecases.change_status import set_status
from parlor_identity.usecases.sessions import end_sessions

_LOCK_UID = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
_FIND = f"SELECT {COLUMNS} FROM accounts WHERE resource_uid = $1"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the resource says. `reissue_password`: the operator has no first password to show."""

    email: str
    display_name: str
    suspended: bool
    reissue_password: bool = False

    @property
    def status(self) -> AccountStatus:
        return AccountStatus.DISABLED if self.suspended else AccountStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of it. The password is set when one was made, and is shown this once."""

    account: AccountRow
    created: bool
    initial_password: str | None

    def __repr__(self) -> str:
        return f"Kept({self.account.id}, created={self.created})"


class KeepDistributor:
    """See the module."""

    def __init__(self, database: Database, hasher: PasswordHasher) -> None:
        self._database = database
        self._hasher = hasher

    async def read(self, uid: str) -> AccountRow:
        """The account of a resource that the operator manages; 404 for any other."""
        account = await self._find(uid)
        if account is None or account.managed_by != ManagedBy.OPERATOR:
            raise NotFound()
        return account

    async def put(self, uid: str, wanted: Wanted) -> Kept:
        """Make the account what the resource says. Raises `EmailTaken`."""
        present = await self._find(uid)
        password, hashed = None, None
        if present is None or (wanted.reissue_password and present.first_login_at is None):
            password = passwords.initial()
            hashed = await self._hasher.hash(password)
        async with self._database.transaction() as transaction:
            await transaction.connection.execute(_LOCK_UID, uid)
            account = await lock_account(transaction, "resource_uid", uid)
            if account is not None:
                return await self._update(transaction, account, wanted, password, hashed)
            account = await add_account(
                transaction,
                NewAccount(
                    wanted.email,
                    wanted.display_name,
                    Role.DISTRIBUTOR,
                    hashed or "",
                    ManagedBy.OPERATOR,
                    uid,
                ),
            )
            tell(transaction, "account.provisioned", OPERATOR, account.id, role=account.role)
            account = await _bring(transaction, account, wanted.status)
            return Kept(account, True, password)

    async def release(self, uid: str, *, disable: bool) -> None:
        """The resource is gone: the account stays, disabled or not, and admins manage it."""
        async with self._database.transaction() as transaction:
            account = await lock_account(transaction, "resource_uid", uid)
            if account is None:
                raise NotFound()
            if account.managed_by != ManagedBy.OPERATOR:
                return
            if disable:
                account = await _bring(transaction, account, AccountStatus.DISABLED)
            tell(transaction, "account.let_go", OPERATOR, account.id)
            await transaction.connection.execute(
                "UPDATE accounts SET managed_by = $2 WHERE id = $1",
                account.id,
                str(ManagedBy.API),
            )

    async def _find(self, uid: str) -> AccountRow | None:
        async with self._database.connection() as connection:
            record = await connection.fetchrow(_FIND, uid)
        return None if record is None else row_of(record)

    async def _update(
        self,
        transaction: Transaction,
        account: AccountRow,
        wanted: Wanted,
        password: str | None,
        hashed: str | None,
    ) -> Kept:
        if account.managed_by != ManagedBy.OPERATOR:
            await transaction.connection.execute(
                "UPDATE accounts SET managed_by = $2 WHERE id = $1",
                account.id,
                str(ManagedBy.OPERATOR),
            )
        if (account.email, account.display_name) != (wanted.email, wanted.display_name):
            account = await change_account(
                transaction,
                account,
                events.CHANGED,
                email=wanted.email,
                display_name=wanted.display_name,
            )
            tell(transaction, events.CHANGED, OPERATOR, account.id)
        suspended = account.suspended_for is not None
        status = AccountStatus.DISABLED if suspended else wanted.status
        account = await _bring(transaction, account, status)
        if not wanted.reissue_password or account.first_login_at is not None:
            return Kept(account, False, None)
        await transaction.connection.execute(
            "UPDATE accounts SET password_hash = $2, password_changed_at = $3 WHERE id = $1",
            account.id,
            hashed,
            now(),
        )
        await end_sessions(transaction.connection, account.id, SessionEnd.PASSWORD_CHANGED)
        tell(transaction, "account.password_reissued", OPERATOR, account.id)
        return Kept(account, False, password)


async def _bring(
    transaction: Transaction, account: AccountRow, status: AccountStatus
) -> AccountRow:
    """Bring a locked account to `status`, and tell of it where it had another."""
    changed = await set_status(transaction, account, status)
    if changed is not account:
        disabled = status is AccountStatus.DISABLED
        tell(transaction, events.DISABLED if disabled else events.ENABLED, OPERATOR, account.id)
    return changed
