"""Somebody sets another password, showing that they know the present one.

A stolen access token must not be a way to guess the password: failures count as failed logins of
this account from this address. All other sessions end.
"""

from parlor_kit.database import Database
from parlor_kit.ids import parse_id
from parlor_kit.principal import Principal

from parlor_identity.errors import InvalidCredentials, TooManyAttempts
from parlor_identity.models import SessionEnd
from parlor_identity.ports import PasswordHasher
from parlor_identity.throttling import Scope, Throttling, retry_after
from parlor_identity.usecases.accounts import still_acting
from parlor_identity.usecases.count_failures import count_failure
from parlor_identity.usecases.sessions import end_sessions
from parlor_identity.usecases.set_password import hash_good_password

_FIND = """
SELECT account.email, account.display_name, account.password_hash, account.password_changed_at,
       throttle.blocked_until - clock_timestamp() AS blocked
FROM accounts AS account
LEFT JOIN login_throttles AS throttle ON throttle.key = $2
     AND throttle.blocked_until > clock_timestamp()
WHERE account.id = $1
"""


class ChangePassword:
    """See the module."""

    def __init__(self, database: Database, hasher: PasswordHasher, throttling: Throttling) -> None:
        self._database = database
        self._hasher = hasher
        self._throttling = throttling

    async def __call__(self, principal: Principal, *, current: str, new: str, address: str) -> None:
        """Raises `InvalidCredentials`, `TooManyAttempts` or `ValidationFailed`."""
        async with self._database.connection() as connection:
            await still_acting(connection, principal)
            email = await connection.fetchval(
                "SELECT email FROM accounts WHERE id = $1", principal.id
            )
            attempt = self._throttling.attempt(email, address)
            pair = attempt.keys[Scope.PAIR]
            found = await connection.fetchrow(_FIND, principal.id, pair)
        if found["blocked"] is not None:
            raise TooManyAttempts(retry_after=retry_after(found["blocked"]))
        verified = await self._hasher.verify(found["password_hash"], current)
        if not verified.right:
            wait = await count_failure(self._database, self._throttling, attempt, [pair])
            if wait:
                raise TooManyAttempts(retry_after=retry_after(wait))
            raise InvalidCredentials()
        hashed = await hash_good_password(
            self._hasher, new, email, found["display_name"], field="new_password"
        )
        async with self._database.transaction() as transaction:
            changed = await transaction.connection.fetchval(
                "UPDATE accounts SET password_hash = $3, password_changed_at = now() "
                "WHERE id = $1 AND password_changed_at = $2 RETURNING true",
                principal.id,
                found["password_changed_at"],
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
