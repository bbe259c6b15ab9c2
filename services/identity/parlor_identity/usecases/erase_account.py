"""Somebody has their account erased: it is shut at once, and nothing here says who they were.

The row stays under its id, so that what others have of it (a seat in a game, an invite's use) goes
on meaning one and the same nobody, and so that a late event cannot bring it back. What was told of
it goes to the other services as `account.erased`, which erase what they have. Calling again gives
the same answer, for as long as the caller's token is good.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from parlor_kit import logs
from parlor_kit.clock import now
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import Unauthenticated
from parlor_kit.principal import Principal, Role

from parlor_identity import events
from parlor_identity.errors import LastAdmin, ManagedByOperator
from parlor_identity.models import AccountStatus, ManagedBy
from parlor_identity.usecases.accounts import (
    COLUMNS,
    AccountRow,
    change_account,
    lock_account,
    row_of,
    still_acting,
)
from parlor_identity.usecases.confirm_owner import ConfirmOwner

log = logs.get("erasure")

NOBODY = "Erased account"

# What the answer says. Whether a hold concerns somebody is never told to them: it says that holds
# may keep messages, to everybody alike.
GOES = (
    "your e-mail address, display name and password, and your sessions with their addresses",
    "your relationships with distributors, which have ended, and invites made for your address",
    "the texts of your messages; others see that a message was there, and nothing of it",
)
STAYS = (
    (
        "texts of messages that a legal hold or an open case of the moderators keeps, if any",
        "the law or an investigation asks for them; participants do not see them any more",
        "the last of these is over; then they are erased as well",
    ),
    (
        "your account's number in games, conversations, receipts and past relationships",
        "it is a part of what others did; it leads to nobody any more",
        "those are deleted themselves",
    ),
    (
        "records of what moderators and admins did, and exports that were made before",
        "they are evidence of how the platform was run",
        "exports are deleted days after they were made; the records are kept",
    ),
    (
        "events with your name and address on the message broker, and backups",
        "they were written before and cannot be changed in place",
        "the broker drops them after 7 days, or 30 if they could not be read; "
        "the operator of the platform says how long backups are kept",
    ),
)

_OTHER_ADMINS = """
SELECT count(*) FILTER (WHERE id <> $1) FROM (
    SELECT id FROM accounts WHERE role = 'admin' AND status = 'active' ORDER BY id FOR UPDATE
) AS admins
"""

_ERASE = f"""
UPDATE accounts SET erased_at = $2, status = 'disabled', email = $3, display_name = $4,
    password_hash = '', password_changed_at = $2, first_login_at = NULL, resource_uid = NULL,
    version = version + 1
WHERE id = $1 RETURNING {COLUMNS}
"""  # noqa: S608 - columns only

# Sessions take their refresh tokens along; recorded answers hold name and e-mail as they were.
_TRACES = (
    "DELETE FROM sessions WHERE account_id = $1",
    "DELETE FROM known_addresses WHERE account_id = $1",
    "DELETE FROM idempotency_records WHERE object_id = $1",
)


@dataclass(frozen=True, slots=True)
class Erased:
    """An account that is gone, and since when."""

    account_id: UUID
    erased_at: datetime


class EraseAccount:
    """See the module."""

    def __init__(self, database: Database, confirm_owner: ConfirmOwner) -> None:
        self._database = database
        self._confirm_owner = confirm_owner

    async def __call__(self, principal: Principal, *, password: str | None, address: str) -> Erased:
        """Erase the caller's account.

        Raises:
            ConfirmationNeeded, InvalidCredentials, TooManyAttempts: it may be somebody else.
            ManagedByOperator: a Distributor resource says what becomes of it.
            LastAdmin: nobody could administer the platform afterwards.
        """
        before = await self._erased_before(principal)
        if before is not None:
            return before
        if password is not None:
            await self._confirm_owner.by_password(principal, password, address)
        else:
            await self._confirm_owner.by_fresh_login(principal)
        async with self._database.transaction() as transaction:
            others = 1
            if principal.role is Role.ADMIN:
                others = await transaction.connection.fetchval(_OTHER_ADMINS, principal.id)
            account = await lock_account(transaction, "id", principal.id)
            if account is None:
                raise Unauthenticated()
            if account.erased_at is not None:
                return Erased(account.id, account.erased_at)
            await still_acting(transaction.connection, principal)
            if account.managed_by == ManagedBy.OPERATOR:
                raise ManagedByOperator()
            if not others:
                raise LastAdmin()
            return await _erase(transaction, account)

    async def _erased_before(self, principal: Principal) -> Erased | None:
        async with self._database.connection() as connection:
            erased_at = await connection.fetchval(
                "SELECT erased_at FROM accounts WHERE id = $1", principal.id
            )
        return None if erased_at is None else Erased(principal.id, erased_at)


async def _erase(transaction: Transaction, account: AccountRow) -> Erased:
    """Erase the row, and only then tell of it: no event has the name or the address any more.

    `account.erased` goes first, while the others still know the address that they have to forget;
    `account.disabled` follows for those who only ask whether an account may be used.
    """
    moment, connection = now(), transaction.connection
    # Nobody can guess the address, so nobody can have taken it; no mail to it is ever delivered.
    nowhere = f"{uuid4()}@erased.invalid"
    record = await connection.fetchrow(_ERASE, account.id, moment, nowhere, NOBODY)
    erased = row_of(record)
    transaction.publish(events.account_erased(erased.id, erased.role, erased.version, moment))
    await change_account(transaction, erased, events.DISABLED, status=AccountStatus.DISABLED)
    for statement in _TRACES:
        await connection.execute(statement, account.id)
    log.info("account.erased", account_id=str(account.id))
    return Erased(account.id, moment)
