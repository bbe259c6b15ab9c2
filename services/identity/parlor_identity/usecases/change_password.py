"""Somebody who knows their present password sets another one; all other sessions end."""

from parlor_kit.database import Database
from parlor_kit.ids import parse_id
from parlor_kit.principal import Principal

from parlor_identity.errors import InvalidCredentials
from parlor_identity.models import SessionEnd
from parlor_identity.ports import PasswordHasher
from parlor_identity.usecases.confirm_owner import ConfirmOwner
from parlor_identity.usecases.sessions import end_sessions
from parlor_identity.usecases.set_password import hash_good_password


class ChangePassword:
    """See the module."""

    def __init__(
        self, database: Database, hasher: PasswordHasher, confirm_owner: ConfirmOwner
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._confirm_owner = confirm_owner

    async def __call__(self, principal: Principal, *, current: str, new: str, address: str) -> None:
        """Raises `InvalidCredentials`, `TooManyAttempts` or `ValidationFailed`."""
        owner = await self._confirm_owner.by_password(principal, current, address)
        hashed = await hash_good_password(
            self._hasher, new, owner.email, owner.display_name, field="new_password"
        )
        async with self._database.transaction() as transaction:
            changed = await transaction.connection.fetchval(
                "UPDATE accounts SET password_hash = $3, password_changed_at = now() "
                "WHERE id = $1 AND password_changed_at = $2 RETURNING true",
                principal.id,
                owner.password_changed_at,
                hashed,
            )
            if not changed:
                raise InvalidCredentials()
            await end_sessions(
                transaction.connection,
                principal.id,
                SessionEnd.PASSWORD_CHANGED,
                but=parse_id(principal.session_id),
            )
