"""Logs somebody in: one question to the database, one hash, one write.

An e-mail that nobody has and a disabled account take the same way through the same statements
and one hash, and end in the same words as a wrong password. How failures slow down further ones
is told in `throttling`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
from parlor_kit import logs
from parlor_kit.database import Database
from parlor_kit.ids import new_id

from parlor_identity.errors import InvalidCredentials, TooManyAttempts
from parlor_identity.models import AccountStatus
from parlor_identity.ports import AccessTokens, PasswordHasher, Verified
from parlor_identity.refresh_tokens import RefreshTokens
from parlor_identity.throttling import Attempt, Scope, Throttling, retry_after
from parlor_identity.usecases.count_failures import count_failure
from parlor_identity.usecases.sessions import Granted, Lifetimes, grant

log = logs.get("login")

_SEEN_AGAIN_AFTER = timedelta(days=1)

_FIND = """
SELECT account.id, account.role, account.status, account.password_hash, account.first_login_at,
       account.password_changed_at, known.last_seen_at, clock_timestamp() AS now,
       (SELECT array_agg(key) FROM login_throttles WHERE key = ANY($4::text[])) AS counted,
       (SELECT max(blocked_until) FROM login_throttles
        WHERE key = $3 OR (known.id IS NULL AND key = ANY($4::text[]))) AS blocked_until
FROM (SELECT $1::text AS email) AS typed
LEFT JOIN accounts AS account ON account.email = typed.email
LEFT JOIN known_addresses AS known ON known.account_id = account.id AND known.address = $2
"""

# The account's row is locked against change: whoever disables it or sets another password waits,
# and then ends this session with the others; or was first, and this session does not begin.
_BEGIN = """
WITH account AS (
    SELECT id FROM accounts WHERE id = $1 AND status = 'active' AND password_changed_at = $2
    FOR SHARE
), blocked AS (
    SELECT max(blocked_until) AS until FROM login_throttles
    WHERE key = ANY($3::text[]) AND blocked_until > clock_timestamp()
), session AS (
    INSERT INTO sessions
        (id, account_id, user_agent, address, created_at, last_used_at, expires_at)
    SELECT $4, account.id, $5, $6, now(), now(), now() + $7::interval
    FROM account, blocked WHERE blocked.until IS NULL
    RETURNING id, account_id, expires_at
), token AS (
    INSERT INTO refresh_tokens (hash, session_id, issued_at, expires_at)
    SELECT $8, id, now(), expires_at FROM session
), seen AS (
    INSERT INTO known_addresses (account_id, address, last_seen_at)
    SELECT account_id, $9, now() FROM session WHERE $10
    ON CONFLICT (account_id, address) DO UPDATE SET last_seen_at = EXCLUDED.last_seen_at
), full_counters AS (
    SELECT key FROM login_throttles
    WHERE key = ANY($11::text[]) AND EXISTS (SELECT FROM session) ORDER BY key FOR UPDATE
), cleared AS (
    DELETE FROM login_throttles USING full_counters
    WHERE login_throttles.key = full_counters.key
)
SELECT (SELECT expires_at FROM session) AS expires_at, blocked.until AS blocked_until,
       clock_timestamp() AS now
FROM blocked
"""

_REMEMBER = """
UPDATE accounts SET first_login_at = coalesce(first_login_at, now()),
                    password_hash = coalesce($3, password_hash)
WHERE id = $1 AND password_changed_at = $2
"""


@dataclass(frozen=True, slots=True)
class Client:
    """Whose connection it is, as far as we can tell."""

    address: str
    user_agent: str


class LogIn:
    """See the module."""

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        throttling: Throttling,
        refresh_tokens: RefreshTokens,
        access_tokens: AccessTokens,
        lifetimes: Lifetimes,
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._throttling = throttling
        self._refresh_tokens = refresh_tokens
        self._access_tokens = access_tokens
        self._lifetimes = lifetimes

    async def __call__(self, email: str, password: str, client: Client) -> Granted:
        """Begin a session.

        Raises:
            InvalidCredentials: they do not match, or the account is disabled.
            TooManyAttempts: whatever they are, it is too early to say.
            Overloaded: too many others are being checked.
        """
        attempt = self._throttling.attempt(email, client.address)
        async with self._database.connection() as connection:
            found = await connection.fetchrow(
                _FIND,
                email,
                attempt.address,
                attempt.keys[Scope.PAIR],
                list(attempt.keys.values()),
            )
        _refuse_while(found["blocked_until"], found["now"])
        verified = await self._hasher.verify(found["password_hash"], password)
        deciding = attempt.deciding(found["last_seen_at"] is not None)
        if not verified.right or found["status"] != AccountStatus.ACTIVE:
            wait = await count_failure(self._database, self._throttling, attempt, deciding)
            if wait:
                raise TooManyAttempts(retry_after=retry_after(wait))
            raise InvalidCredentials()
        return await self._begin(found, attempt, deciding, client, verified)

    async def _begin(
        self,
        found: asyncpg.Record,
        attempt: Attempt,
        deciding: list[str],
        client: Client,
        verified: Verified,
    ) -> Granted:
        session_id, token = new_id(), self._refresh_tokens.first()
        account_id: UUID = found["id"]
        seen: datetime | None = found["last_seen_at"]
        counted = set(found["counted"] or ())
        async with self._database.connection() as connection:
            begun = await connection.fetchrow(
                _BEGIN,
                account_id,
                found["password_changed_at"],
                deciding,
                session_id,
                client.user_agent,
                client.address,
                self._lifetimes.first,
                self._refresh_tokens.hash(token),
                attempt.address,
                seen is None or found["now"] - seen > _SEEN_AGAIN_AFTER,
                [key for key in attempt.cleared if key in counted],
            )
            _refuse_while(begun["blocked_until"], begun["now"])
            if begun["expires_at"] is None:
                raise InvalidCredentials()
            if found["first_login_at"] is None or verified.rehashed is not None:
                await connection.execute(
                    _REMEMBER, account_id, found["password_changed_at"], verified.rehashed
                )
        return grant(
            self._access_tokens,
            account_id=account_id,
            role=found["role"],
            session_id=session_id,
            refresh_token=token,
            expires_at=begun["expires_at"],
            at=begun["now"],
        )


def _refuse_while(blocked_until: datetime | None, at: datetime) -> None:
    if blocked_until is not None and blocked_until > at:
        raise TooManyAttempts(retry_after=retry_after(blocked_until - at))
