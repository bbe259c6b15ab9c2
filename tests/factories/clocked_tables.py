"""What tests of clocks look at: deadlines of views, moves of the log, events of a socket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
from factories.card_tables import CardTable, Seat
from factories.polling import until_true
from parlor_game.usecases.tick_clocks import TickClocks


def left(view: dict[str, Any]) -> float:
    """Seconds until the deadline of a view."""
    deadline = datetime.fromisoformat(view["deadline"])
    return (deadline - datetime.now(UTC)).total_seconds()


async def moves(rows: asyncpg.Connection, table: CardTable) -> list[tuple[str, dict[str, Any]]]:
    found = await rows.fetch(
        "SELECT made_by, play FROM game_moves WHERE game_id = $1 ORDER BY number", table.game_id
    )
    return [(row["made_by"], orjson.loads(row["play"])) for row in found]


def has(socket: Seat, type_: str) -> bool:
    return any(frame["event"]["type"] == type_ for frame in socket.events)


def told(socket: Seat, type_: str) -> dict[str, Any]:
    """The last event of a type that the socket has got."""
    events: list[dict[str, Any]] = [frame["event"] for frame in socket.events]
    return [event for event in events if event["type"] == type_][-1]


async def tick_to_the_end(clocks: TickClocks, table: CardTable) -> None:
    """Tick until the game is over: a tick passes over a table that somebody has locked just now."""

    async def over() -> bool:
        await clocks.tick()
        return bool((await table.get(table.players[0]))["status"] != "active")

    await until_true(over, seconds=10)
