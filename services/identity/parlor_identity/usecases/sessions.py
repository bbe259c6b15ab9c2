"""What a session is made of, shared by the use cases that begin, renew and end one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
from parlor_kit.principal import Role

from parlor_identity.models import SessionEnd
from parlor_identity.ports import AccessTokens


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """A session ends `idle` after its last refresh, and `most` after its login."""

    idle: timedelta
    most: timedelta

    @property
    def first(self) -> timedelta:
        return min(self.idle, self.most)


@dataclass(frozen=True, slots=True)
class Granted:
    """Both tokens, each with the seconds it is good for. Never logged, never stored."""

    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int

    def __repr__(self) -> str:
        return "Granted(...)"


def grant(
    tokens: AccessTokens,
    *,
    account_id: UUID,
    role: str,
    session_id: UUID,
    refresh_token: str,
    expires_at: datetime,
    at: datetime,
) -> Granted:
    return Granted(
        tokens.issue(account_id, Role(role), session_id),
        tokens.lifetime,
        refresh_token,
        max(round((expires_at - at).total_seconds()), 0),
    )


async def end_session(connection: asyncpg.Connection, session_id: UUID, reason: SessionEnd) -> bool:
    """End one session with all its refresh tokens; whether it was still going on."""
    ended = await connection.fetchval(
        "UPDATE sessions SET ended_at = now(), ended_for = $2 "
        "WHERE id = $1 AND ended_at IS NULL RETURNING true",
        session_id,
        str(reason),
    )
    return bool(ended)


async def end_sessions(
    connection: asyncpg.Connection,
    account_id: UUID,
    reason: SessionEnd,
    *,
    but: UUID | None = None,
) -> None:
    """End every session of an account, but for the one that `but` names."""
    await connection.execute(
        "UPDATE sessions SET ended_at = now(), ended_for = $2 "
        "WHERE account_id = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $3",
        account_id,
        str(reason),
        but,
    )
