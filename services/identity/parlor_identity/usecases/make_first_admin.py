"""Makes the first admin from the settings, while there is no admin at all.

Called by every replica when it starts. Nothing is ever overwritten: once there is an admin the
settings have no effect, and an account that has the e-mail already is neither adopted nor changed.
"""

from parlor_kit import logs
from parlor_kit.database import Database
from parlor_kit.principal import Role

from parlor_identity.errors import EmailTaken
from parlor_identity.ports import PasswordHasher
from parlor_identity.usecases.accounts import NewAccount, add_account
from parlor_identity.usecases.admin_actions import IDENTITY, tell

log = logs.get("admin")

_LOCK = 0x41444D4E  # "ADMN"
_ANY = "SELECT EXISTS (SELECT FROM accounts WHERE role = 'admin')"


class MakeFirstAdmin:
    """See the module."""

    def __init__(self, database: Database, hasher: PasswordHasher) -> None:
        self._database = database
        self._hasher = hasher

    async def __call__(self, email: str, password: str) -> bool:
        """Whether this call made the admin."""
        async with self._database.connection() as connection:
            if await connection.fetchval(_ANY):
                return False
        hashed = await self._hasher.hash(password)
        try:
            async with self._database.transaction() as transaction:
                await transaction.connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                if await transaction.connection.fetchval(_ANY):
                    return False
                account = await add_account(
                    transaction, NewAccount(email, "Administrator", Role.ADMIN, hashed)
                )
                tell(transaction, "account.provisioned", IDENTITY, account.id, role="admin")
        except EmailTaken:
            log.error("admin.email_taken", detail="PARLOR_ADMIN_EMAIL is another account's")
            return False
        log.info("admin.made", account_id=str(account.id))
        return True
