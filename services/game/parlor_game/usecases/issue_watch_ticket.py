"""Issue and redeem watch tickets: a spectator's way into one socket, once, within a minute.

A ticket may stand in a URL, which a spectator token may not: that is for anybody who reads it, for
an hour. Whoever has a token gets a ticket for it where no header can be sent.
"""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Database

from parlor_game.usecases.issue_reconnect_token import IssuedToken, token_hash

LIFETIME = timedelta(seconds=60)

_ISSUE = """
INSERT INTO watch_tickets (token_hash, game_id, expires_at, watches_until)
SELECT $1, game_id, $2, expires_at FROM spectator_tokens
WHERE token_hash = $3 AND game_id = $4 AND expires_at > $5
RETURNING true
"""
_REDEEM = """
DELETE FROM watch_tickets WHERE token_hash = $1 AND game_id = $2 AND expires_at > $3
RETURNING watches_until
"""


async def issue_watch_ticket(
    database: Database, game_id: UUID, spectator_token: str
) -> IssuedToken | None:
    """A ticket for whoever has this spectator token of this game, or None; its hash is stored."""
    at = now()
    issued = IssuedToken(secrets.token_urlsafe(32), at + LIFETIME)
    async with database.connection() as connection:
        made = await connection.fetchval(
            _ISSUE,
            token_hash(issued.token),
            issued.expires_at,
            token_hash(spectator_token),
            game_id,
            at,
        )
    return issued if made else None


async def redeem_watch_ticket(database: Database, game_id: UUID, ticket: str) -> datetime | None:
    """Until when the ticket lets its bearer watch, or None; it lets nobody in again."""
    async with database.connection() as connection:
        until: datetime | None = await connection.fetchval(
            _REDEEM, token_hash(ticket), game_id, now()
        )
    return until


async def prune_watch_tickets(database: Database) -> None:
    """Forget tickets that were never used. A job of the worker."""
    async with database.connection() as connection:
        await connection.execute("DELETE FROM watch_tickets WHERE expires_at <= $1", now())
