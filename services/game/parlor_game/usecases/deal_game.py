"""Deal a game: seats, seed, and the opening of its stream, in the transaction of its caller.

Called when the last player of an invite has accepted. The seed is made here of the
server's secret and the players' words (`parlor_rules.fair_deal`); it and the secret are kept in
the database, and told to nobody before the end.
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.ids import new_id
from parlor_rules.catalog import GAMES
from parlor_rules.fair_deal import commitment_to, game_seed
from parlor_rules.move_log import first_head, header

from parlor_game import events, table_options, turn_clock
from parlor_game.ports import Circles
from parlor_game.table import Table
from parlor_game.usecases.commit_plays import catch_up

_DEAL = """
WITH dealt AS (
    INSERT INTO games (id, invite_id, game, options, seats, seed, status, epoch, seq, move_seq,
        move_count, turn_user_id, created_at, server_seed, seeds, head, head_number,
        turn_ms, deadline, alarm_at, unattended, bot_ids)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 0, $10, $11, $16, $17, $18, 0,
        $19, $20, $20, 0, $22)
), seated AS (
    INSERT INTO game_players (game_id, seat, user_id, connected, reserve_ms, distributor_ids)
    SELECT $1, seat - 1, user_id, user_id = ANY($22::uuid[]) IS TRUE, $21,
        ARRAY(SELECT c.distributor_id FROM unnest($23::uuid[], $24::uuid[])
            AS c(user_id, distributor_id) WHERE c.user_id = seats.user_id)
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
    bot_ids: Sequence[UUID],
    circles: Circles,
    server_seed: bytes,
    seeds: Sequence[str],
    idle_after: timedelta,
) -> Table:
    """Deal to `players`, who sit in this order, and publish `game.started`.

    What becomes of the game counts in the players' `circles`, unless there are bots among them.
    """
    options = table_options.dealt(options, idle_after)
    seed, commitment = game_seed(server_seed, seeds), commitment_to(server_seed).hex()
    rules, game_id = GAMES[game], new_id()
    log_header = header(
        game_id=str(game_id),
        game=game,
        options=options,
        players=[str(player) for player in players],
        commitment=commitment,
        seeds=seeds,
    )
    state = rules.deal(seed, len(players), table_options.for_rules(options))
    await catch_up(transaction.connection)
    at, first, chosen = now(), rules.turn(state), table_options.stored(options)
    assert first is not None  # noqa: S101 -- no game is over when it is dealt
    clock = turn_clock.started(chosen, len(players), first, at, idle_after)
    dealt = Table(
        game_id=game_id,
        game=rules,
        epoch=secrets.token_hex(8),
        players=tuple(players),
        state=state,
        commitment=commitment,
        head=first_head(log_header),
        secret=server_seed,
        clock=clock,
    )
    opening = dealt.opening(seeds)
    ranked = () if bot_ids else tuple(circles.items())
    counts_for = [(player, each) for player, distributors in ranked for each in distributors]
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
        at,
        players,
        [event.type for event in opening],
        [event.public.decode() for event in opening],
        [event.private_json() for event in opening],
        server_seed,
        orjson.dumps(list(seeds)).decode(),
        dealt.head,
        clock.turn // timedelta(milliseconds=1),
        clock.deadline,
        chosen.reserve_seconds * 1000,
        bot_ids or None,
        [player for player, _ in counts_for],
        [distributor for _, distributor in counts_for],
    )
    transaction.publish(events.started(dealt.game_id, invite_id, game, players))
    return dealt
