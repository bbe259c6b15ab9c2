"""Issue and redeem reconnect tokens: a way back to one table for one player, once, for a minute.

The token may stand in a URL, so it opens nothing but one socket: it is bound to player and game,
and a conditional delete makes sure that of two sockets with it one is let in.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Database

from parlor_game.models import ReconnectToken

LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    token: str
    expires_at: datetime


async def issue_reconnect_token(game_id: UUID, user_id: UUID) -> IssuedToken:
    """A new token for this player of this game; only its hash is stored."""
    token = secrets.token_urlsafe(32)
    expires_at = now() + LIFETIME
    await ReconnectToken.create(
        token_hash=token_hash(token), game_id=game_id, user_id=user_id, expires_at=expires_at
    )
    return IssuedToken(token, expires_at)


async def redeem_reconnect_token(
    database: Database, game_id: UUID, token: str, *, only_for: UUID | None = None
) -> UUID | None:
    """The player whom the token lets in, or None; it lets nobody in again."""
    async with database.connection() as connection:
        user_id: UUID | None = await connection.fetchval(
            "DELETE FROM reconnect_tokens "
            "WHERE token_hash = $1 AND game_id = $2 AND expires_at > $3 "
            "AND ($4::uuid IS NULL OR user_id = $4) RETURNING user_id",
            token_hash(token),
            game_id,
            now(),
            only_for,
        )
    return user_id


async def prune_reconnect_tokens(database: Database) -> None:
    """Forget tokens that were never used. A job of the worker."""
    async with database.connection() as connection:
        await connection.execute("DELETE FROM reconnect_tokens WHERE expires_at <= $1", now())


def token_hash(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
