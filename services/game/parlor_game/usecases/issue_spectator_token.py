"""Issue and check spectator tokens: the right to watch one game, which a player may hand out.

A token is for as many sockets as like, of anybody who has it, until it expires; it shows what is
public and nothing else, and never stands in a URL (see `issue_watch_ticket`). It exists only where
every player has agreed to be watched, by accepting an invite whose options say so.
"""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from parlor_kit.clock import now
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import NotFound

from parlor_game import table_options
from parlor_game.errors import NoSpectators
from parlor_game.policies import may_be_watched, may_see_game
from parlor_game.usecases.issue_reconnect_token import IssuedToken, token_hash

_ASK = """
SELECT g.options,
    ARRAY(SELECT p.user_id FROM game_players p WHERE p.game_id = g.id) AS players
FROM games g WHERE g.id = $1
"""
_ISSUE = """
INSERT INTO spectator_tokens (token_hash, game_id, issued_by, expires_at) VALUES ($1, $2, $3, $4)
"""
_CHECK = """
SELECT expires_at FROM spectator_tokens WHERE token_hash = $1 AND game_id = $2 AND expires_at > $3
"""


async def issue_spectator_token(
    transaction: Transaction, game_id: UUID, user_id: UUID, lifetime: timedelta
) -> IssuedToken:
    """A new token for this game; only its hash is stored.

    Raises:
        NotFound: no such game, or the user is no player of it.
        NoSpectators: its players have not agreed to be watched.
    """
    row = await transaction.connection.fetchrow(_ASK, game_id)
    if row is None or not may_see_game(user_id, row["players"]):
        raise NotFound()
    if not may_be_watched(table_options.stored(orjson.loads(row["options"]))):
        raise NoSpectators()
    issued = IssuedToken(secrets.token_urlsafe(32), now() + lifetime)
    await transaction.connection.execute(
        _ISSUE, token_hash(issued.token), game_id, user_id, issued.expires_at
    )
    return issued


async def watches_until(database: Database, game_id: UUID, token: str) -> datetime | None:
    """Until when whoever has this token may watch this game; None for not at all."""
    async with database.connection() as connection:
        until: datetime | None = await connection.fetchval(
            _CHECK, token_hash(token), game_id, now()
        )
    return until


async def prune_spectator_tokens(database: Database) -> None:
    """Forget tokens that have expired. A job of the worker."""
    async with database.connection() as connection:
        await connection.execute("DELETE FROM spectator_tokens WHERE expires_at <= $1", now())
