"""Deal a game: seats, seed, and the opening of its stream, in the transaction of its caller.

Called by the answer to an invite when the last player has accepted. The seed is drawn here, kept
in the database and never told to anybody.
"""

import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.ids import new_id
from parlor_rules.catalog import GAMES

from parlor_game import events, table_options
from parlor_game.table import Table

_DEAL = """
WITH dealt AS (
    INSERT INTO games (id, invite_id, game, options, seats, seed, status, epoch, seq, move_seq,
        move_count, turn_user_id, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 0, $10, $11)
), seated AS (
    INSERT INTO game_players (game_id, seat, user_id, connected)
    SELECT $1, seat - 1, user_id, false
    FROM unnest($12::uuid[]) WITH ORDINALITY AS seats(user_id, seat)
)
INSERT INTO game_events (game_id, seq, at, type, public, private)
SELECT $1, seq, $11, type, public, private
FROM unnest($13::text[], $14::text[], $15::text[])
    WITH ORDINALITY AS opening(type, public, private, seq)
"""


async def deal_game(
    transaction: Transaction,
    *,
    invite_id: UUID,
    game: str,
    options: dict[str, Any],
    players: Sequence[UUID],
) -> Table:
    """Deal to `players`, who sit in this order, and publish `game.started`."""
    seed = secrets.token_bytes(32)
    rules = GAMES[game]
    dealt = Table(
        game_id=new_id(),
        game=rules,
        epoch=secrets.token_hex(8),
        players=tuple(players),
        state=rules.deal(seed, len(players), table_options.for_rules(options)),
    )
    opening = dealt.events(rules.opening(dealt.state))
    await transaction.connection.execute(
        _DEAL,
        dealt.game_id,
        invite_id,
        game,
        orjson.dumps(options).decode(),
        len(players),
        seed,
        dealt.status,
        dealt.epoch,
        len(opening),
        dealt.turn_user_id,
        now(),
        players,
        [event.type for event in opening],
        [event.public.decode() for event in opening],
        [event.private_json() for event in opening],
    )
    transaction.publish(events.started(dealt.game_id, invite_id, game, players))
    return dealt
