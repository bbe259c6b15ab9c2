"""Renews a session: a refresh token is taken once and gives one successor.

The database decides who takes it, by one conditional update. Whoever comes second within the grace
is a client whose answer was lost, or another tab of it, and gets the same successor again. Whoever
comes later shows that the token is in two hands: the session ends for both.
"""

from datetime import timedelta

import asyncpg
from parlor_kit import logs
from parlor_kit.database import Database
from parlor_kit.errors import Unauthenticated

from parlor_identity.errors import TokenReused
from parlor_identity.models import AccountStatus, SessionEnd
from parlor_identity.ports import AccessTokens
from parlor_identity.refresh_tokens import RefreshTokens
from parlor_identity.usecases.sessions import Granted, Lifetimes, end_session, grant

log = logs.get("sessions")

_TAKE = """
WITH taken AS (
    UPDATE refresh_tokens AS token SET used_at = clock_timestamp()
    FROM sessions AS session JOIN accounts AS account ON account.id = session.account_id
    WHERE token.hash = $1 AND token.used_at IS NULL AND token.expires_at > now()
      AND session.id = token.session_id AND session.ended_at IS NULL AND session.expires_at > now()
      AND account.status = 'active'
    RETURNING token.session_id, account.id AS account_id, account.role
), renewed AS (
    UPDATE sessions AS session
    SET last_used_at = now(), expires_at = least(now() + $3::interval, created_at + $4::interval)
    FROM taken WHERE session.id = taken.session_id AND session.ended_at IS NULL
    RETURNING session.id, session.expires_at
), successor AS (
    INSERT INTO refresh_tokens (hash, session_id, issued_at, expires_at)
    SELECT $2, id, now(), expires_at FROM renewed
)
SELECT taken.session_id, taken.account_id, taken.role, renewed.expires_at, now() AS now
FROM taken JOIN renewed ON renewed.id = taken.session_id
"""

_RECOGNISE = """
SELECT token.session_id, account.id AS account_id, account.role, account.status,
       session.ended_at, session.ended_for, session.expires_at <= now() AS ended_by_itself,
       token.used_at, token.expires_at <= now() AS expired,
       clock_timestamp() - token.used_at <= $3::interval AS in_grace,
       successor.expires_at, now() AS now
FROM refresh_tokens AS token
JOIN sessions AS session ON session.id = token.session_id
JOIN accounts AS account ON account.id = session.account_id
LEFT JOIN refresh_tokens AS successor ON successor.hash = $2
WHERE token.hash = $1
"""


class RefreshSession:
    """See the module."""

    def __init__(
        self,
        database: Database,
        refresh_tokens: RefreshTokens,
        access_tokens: AccessTokens,
        lifetimes: Lifetimes,
        *,
        grace: timedelta,
    ) -> None:
        self._database = database
        self._refresh_tokens = refresh_tokens
        self._access_tokens = access_tokens
        self._lifetimes = lifetimes
        self._grace = grace

    async def __call__(self, token: str) -> Granted:
        """Give the successor of `token`, and a new access token.

        Raises:
            Unauthenticated: it is unknown, or its session is over.
            TokenReused: it was used before; its session is over now, if it was not.
        """
        successor = self._refresh_tokens.successor(token)
        mine, next_one = self._refresh_tokens.hash(token), self._refresh_tokens.hash(successor)
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                _TAKE, mine, next_one, self._lifetimes.idle, self._lifetimes.most
            )
            if row is None:
                row = await connection.fetchrow(_RECOGNISE, mine, next_one, self._grace)
                await self._refuse_unless_in_grace(connection, row)
        return grant(
            self._access_tokens,
            account_id=row["account_id"],
            role=row["role"],
            session_id=row["session_id"],
            refresh_token=successor,
            expires_at=row["expires_at"],
            at=row["now"],
        )

    async def _refuse_unless_in_grace(
        self, connection: asyncpg.Connection, row: asyncpg.Record | None
    ) -> None:
        if row is None:
            raise Unauthenticated()
        if row["ended_for"] == SessionEnd.TOKEN_REUSED:
            raise TokenReused()
        if (
            row["ended_at"] is not None
            or row["ended_by_itself"]
            or row["expired"]
            or row["used_at"] is None
            or row["status"] != AccountStatus.ACTIVE
        ):
            raise Unauthenticated()
        if row["in_grace"] and row["expires_at"] is not None:
            return
        if await end_session(connection, row["session_id"], SessionEnd.TOKEN_REUSED):
            log.warning(
                "session.token_reused",
                session_id=str(row["session_id"]),
                account_id=str(row["account_id"]),
            )
        raise TokenReused()
