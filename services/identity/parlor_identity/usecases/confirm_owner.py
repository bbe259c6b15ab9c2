"""Makes sure that who calls is the owner of the account, not just somebody with its access token.

Called before what cannot be taken back: another password, the erasure of the account. A stolen
token must not be a way to guess the password: failures count as failed logins of this account from
this address.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from parlor_kit.database import Database
from parlor_kit.ids import parse_id
from parlor_kit.principal import Principal

from parlor_identity.errors import ConfirmationNeeded, InvalidCredentials, TooManyAttempts
from parlor_identity.ports import PasswordHasher
from parlor_identity.throttling import Scope, Throttling, retry_after
from parlor_identity.usecases.accounts import still_acting
from parlor_identity.usecases.count_failures import count_failure

FRESH = timedelta(minutes=5)

_FIND = """
SELECT account.email, account.display_name, account.password_hash, account.password_changed_at,
       throttle.blocked_until - clock_timestamp() AS blocked
FROM accounts AS account
LEFT JOIN login_throttles AS throttle ON throttle.key = $2
     AND throttle.blocked_until > clock_timestamp()
WHERE account.id = $1
"""

_LOGGED_IN_JUST_NOW = """
SELECT true FROM sessions WHERE id = $1 AND account_id = $2 AND created_at > now() - $3::interval
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """The account as it was when its owner was recognised."""

    email: str
    display_name: str
    password_changed_at: datetime


class ConfirmOwner:
    """See the module."""

    def __init__(self, database: Database, hasher: PasswordHasher, throttling: Throttling) -> None:
        self._database = database
        self._hasher = hasher
        self._throttling = throttling

    async def by_password(self, principal: Principal, password: str, address: str) -> Owner:
        """Raises `InvalidCredentials` or `TooManyAttempts`."""
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
        verified = await self._hasher.verify(found["password_hash"], password)
        if not verified.right:
            wait = await count_failure(self._database, self._throttling, attempt, [pair])
            if wait:
                raise TooManyAttempts(retry_after=retry_after(wait))
            raise InvalidCredentials()
        return Owner(email, found["display_name"], found["password_changed_at"])

    async def by_fresh_login(self, principal: Principal) -> None:
        """Raises `ConfirmationNeeded` unless the session began by a login just now."""
        async with self._database.connection() as connection:
            await still_acting(connection, principal)
            fresh = await connection.fetchval(
                _LOGGED_IN_JUST_NOW, parse_id(principal.session_id), principal.id, FRESH
            )
        if not fresh:
            raise ConfirmationNeeded()
