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

from parlor_game import events
from parlor_game.models import Game, Player
from parlor_game.rules.catalog import GAMES
from parlor_game.table import Table


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
        state=rules.deal(seed, len(players), options),
    )
    opening = dealt.events(rules.opening(dealt.state))
    at = now()
    await Game.create(
        id=dealt.game_id,
        invite_id=invite_id,
        game=game,
        options=orjson.dumps(options).decode(),
        seats=len(players),
        seed=seed,
        status=dealt.status,
        epoch=dealt.epoch,
        seq=len(opening),
        move_seq=len(opening),
        move_count=0,
        turn_user_id=dealt.turn_user_id,
        created_at=at,
    )
    await Player.bulk_create(
        Player(game_id=dealt.game_id, seat=seat, user_id=user_id)
        for seat, user_id in enumerate(players)
    )
    await transaction.connection.executemany(
        "INSERT INTO game_events (game_id, seq, at, type, public, private) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        [
            (dealt.game_id, seq, at, event.type, event.public.decode(), event.private_json())
            for seq, event in enumerate(opening, start=1)
        ],
    )
    transaction.publish(events.started(dealt.game_id, invite_id, game, players))
    return dealt
