"""Replay a game: its log, and its table after any of its moves, as one seat may see them.

Called by the history routes. What a seat sees of the past is what it was sent then, and nothing
is added while the game goes on. Once it is over the hands of all are shown to its players, who
could compute them from the proof: hiding them would protect nobody and help only those who can.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from parlor_kit.clock import rfc3339
from parlor_kit.database import Database
from parlor_kit.errors import NotFound, ValidationFailed
from parlor_kit.pages import encode_cursor, number_in
from parlor_rules.protocol import Json

from parlor_game import table_options
from parlor_game.table import Table, stored
from parlor_game.usecases.load_table import state_after
from parlor_game.usecases.read_game import ReadGame

_EVENTS = """
SELECT seq, at, type, public, private FROM game_events
WHERE game_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""
_STEP = """
SELECT seq, at, type, public, private FROM game_events
WHERE game_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq
"""
_DEALT = "SELECT seed, options FROM games WHERE id = $1"
_MOVES = """
SELECT number, seat, play, seq FROM game_moves
WHERE game_id = $1 AND number <= $2 ORDER BY number
"""


class ReplayGame:
    def __init__(self, database: Database, read_game: ReadGame) -> None:
        self._database = database
        self._read_game = read_game

    async def events(
        self, game_id: UUID, user_id: UUID, since: int, limit: int, cursor: str | None
    ) -> tuple[Sequence[Json], str | None]:
        """The stream of the game as the socket sends it to this player, from the beginning."""
        _, seat = await self._read_game.standing(game_id, user_id)
        before = number_in(cursor)
        after = since if before is None else before
        async with self._database.connection() as connection:
            rows = await connection.fetch(_EVENTS, game_id, after, limit + 1)
        more = len(rows) > limit
        items = [_seen(row, seat) for row in rows[:limit]]
        return items, encode_cursor(items[-1]["seq"]) if more else None

    async def step(self, game_id: UUID, user_id: UUID, number: int) -> Json:
        """The table after so many moves, and the events that led there from the step before.

        Raises:
            NotFound: no such game, or the user is no player of it.
            ValidationFailed: so many moves were not made.
        """
        standing, seat = await self._read_game.standing(game_id, user_id)
        now = standing.table
        if number > now.move_count:
            raise ValidationFailed([("step", f"must be at most {now.move_count}")])
        async with self._database.connection() as connection:
            dealt = await connection.fetchrow(_DEALT, game_id)
            moves = await connection.fetch(_MOVES, game_id, number)
        if dealt is None:
            raise NotFound()
        table, before = await _replayed(now, dealt, moves)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_STEP, game_id, before, table.move_seq)
        table = replace(table, head=_head(rows))
        return {
            "step": number,
            "steps": now.move_count,
            "at": rfc3339(rows[-1]["at"]),
            "events": [_seen(row, seat) for row in rows],
            "view": table.view(seat, table.move_seq, [False] * len(table.players)),
            "hands": _hands(table) if now.status != "active" else None,
        }


async def _replayed(
    now: Table, dealt: asyncpg.Record, moves: Sequence[asyncpg.Record]
) -> tuple[Table, int]:
    """The table after these moves, and the stream's seq before the last of them."""
    game = now.game
    options = table_options.for_rules(orjson.loads(dealt["options"]))
    state = game.deal(dealt["seed"], len(now.players), options)
    opened = len(game.opening(state))
    log = ((move["seat"], orjson.loads(move["play"])) for move in moves)
    state = await state_after(game, state, log)
    seqs = [0, opened, *(move["seq"] for move in moves)]
    table = replace(
        now,
        state=state,
        move_count=len(moves),
        move_seq=seqs[-1],
        clock=replace(now.clock, deadline=None),
    )
    return table, seqs[-2]


def _seen(row: asyncpg.Record, seat: int) -> Json:
    event = stored(row["type"], row["public"], row["private"])
    return {
        "seq": row["seq"],
        "at": rfc3339(row["at"]),
        "event": orjson.loads(event.seen_from(seat)),
    }


def _head(rows: Sequence[asyncpg.Record]) -> bytes | None:
    """The log's head after a step, which its last event tells."""
    told: Any = orjson.loads(rows[-1]["public"]).get("log_head")
    return None if told is None else bytes.fromhex(told)


def _hands(table: Table) -> dict[str, list[str]]:
    return {
        str(player): table.game.view(table.state, seat)["your_hand"]
        for seat, player in enumerate(table.players)
    }
