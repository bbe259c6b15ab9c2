"""Reads accounts: one's own, those that a service asks for, and the admin's list."""

from collections.abc import Sequence
from uuid import UUID

from parlor_kit.database import Database, gone_is_unavailable
from parlor_kit.errors import NotFound
from parlor_kit.principal import Principal, Role

from parlor_identity.models import Account
from parlor_identity.usecases.accounts import COLUMNS, AccountRow, row_of, still_acting
from parlor_identity.usecases.admin_actions import Actor, tell

_BY_ID = f"SELECT {COLUMNS} FROM accounts WHERE id = ANY($1::uuid[])"  # noqa: S608


class ReadAccounts:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def own(self, principal: Principal) -> AccountRow:
        """The caller's account; 401 when it is disabled or the session is over."""
        async with self._database.connection() as connection:
            await still_acting(connection, principal)
            return row_of(await connection.fetchrow(_BY_ID, [principal.id]))

    async def one(self, account_id: UUID) -> AccountRow:
        found = await self.several([account_id])
        if not found:
            raise NotFound()
        return found[0]

    async def several(self, account_ids: Sequence[UUID]) -> list[AccountRow]:
        """The accounts that exist among `account_ids`, in that order, each once."""
        async with self._database.connection() as connection:
            records = await connection.fetch(_BY_ID, list(account_ids))
        rows = {record["id"]: row_of(record) for record in records}
        return [rows[account_id] for account_id in dict.fromkeys(account_ids) if account_id in rows]

    async def page(
        self,
        actor: Principal,
        *,
        role: Role | None,
        status: str | None,
        email: str | None,
        before: UUID | None,
        limit: int,
    ) -> list[AccountRow]:
        """Accounts, newest first, from the one after `before`."""
        async with self._database.transaction() as transaction:
            await still_acting(transaction.connection, actor)
            asked = {"role": role, "status": status, "by_email": email is not None}
            told = {name: str(value) for name, value in asked.items() if value}
            tell(transaction, "account.listed", Actor.user(actor), None, **told)
        query = Account.all().order_by("-id").limit(limit)
        filters = {"role": role, "status": status, "email": email, "id__lt": before}
        query = query.filter(**{key: value for key, value in filters.items() if value is not None})
        async with gone_is_unavailable():
            return [
                AccountRow(**row) for row in await query.values(*COLUMNS.split(", "))
            ]  # fmt: skip
