"""Clocks: how late the clock of one table acts when 10,000 tables have one.

Nobody plays: every turn runs out, so with turns of 30 s the two replicas make 333 moves a second
between them. A move's lateness is its time in the log after the deadline that it was due at, and
for some tables also when it arrives on a player's socket. Run alone by `python bench/clocks.py`.
"""

import argparse
import asyncio
import secrets
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
import orjson
from crowd import Guest, gather_guests
from parlor_dev.client import Api
from parlor_dev.stack import Stack
from parlor_game.usecases.deal_game import deal_game
from parlor_kit.database import Database
from parlor_kit.ids import new_id, parse_id
from report import Figure, percentile
from wire import Wire

TURN = timedelta(seconds=30)
_OPTIONS = {
    "special_cards": False,
    "turn_seconds": TURN.seconds,
    "reserve_seconds": 0,
    "spectators": False,
}
_AT_ONCE = 100
_WATCHED = 100
_EXACT_MS = 500

_NOT_YET = """
UPDATE games SET deadline = deadline + interval '1 day', alarm_at = alarm_at + interval '1 day'
WHERE id = ANY($1::uuid[])
"""
# As if the tables had begun at any moment of the last half minute.
_SPREAD = """
UPDATE games SET deadline = d.at, alarm_at = d.at
FROM (SELECT id, clock_timestamp() + random() * interval '30 seconds' AS at FROM games) AS d
WHERE games.id = d.id RETURNING games.id, games.deadline
"""
_MOVES = "SELECT game_id, played_at FROM game_moves ORDER BY game_id, number"


async def lateness(stack: Stack, api: Api, *, games: int, seconds: float) -> list[Figure]:
    """The clocks of so many games for so long."""
    guests = await gather_guests(stack, api, 10)
    game_ids = await _deal(stack.database_url("game"), guests, games)
    rows = await asyncpg.connect(stack.database_url("game"))
    arrivals: list[float] = []
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            origin, token = stack.public_urls("game")[0], guests[0].token
            due: dict[Any, datetime] = {}
            wires = [
                await _watch(http, origin, token, game_id, due, arrivals)
                for game_id in game_ids[:_WATCHED]
            ]
            await _settled(rows)
            first = {row["id"]: row["deadline"] for row in await rows.fetch(_SPREAD)}
            due |= first
            await asyncio.sleep(seconds)
            for wire in wires:
                await wire.close()
        late = _late(await rows.fetch(_MOVES), first)
    finally:
        await rows.close()
    return [
        _figure(f"clocks: {games:,} games, move after its deadline ({len(late):,} moves)", late),
        _figure(f"clocks: {games:,} games, deadline → a player's socket", arrivals),
    ]


async def _settled(rows: asyncpg.Connection) -> None:
    """Return when the platform has told everybody of the games that were dealt."""
    async with asyncio.timeout(120):
        while await rows.fetchval("SELECT EXISTS (SELECT 1 FROM outbox)"):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    await asyncio.sleep(5)  # whoever was told has work with it


async def _deal(url: str, guests: Sequence[Guest], games: int) -> list[Any]:
    """Games between the first guest and one of the others, as invites would have dealt them."""
    database = Database(url, "game")
    await database.open()
    first, *others = [parse_id(guest.id) for guest in guests]
    game_ids = []
    try:
        for _ in range(0, games, _AT_ONCE):
            async with database.transaction() as transaction:
                for number in range(_AT_ONCE):
                    other = others[number % len(others)]
                    assert first is not None
                    assert other is not None
                    table = await deal_game(
                        transaction,
                        invite_id=new_id(),
                        game="crazy_eights",
                        options=_OPTIONS,
                        players=[first, other],
                        bot_ids=[],
                        circles={},
                        server_seed=secrets.token_bytes(32),
                        seeds=["", ""],
                        idle_after=timedelta(days=3),
                    )
                    game_ids.append(table.game_id)
                await transaction.connection.execute(_NOT_YET, game_ids[-_AT_ONCE:])
    finally:
        await database.close()
    return game_ids


async def _watch(
    http: aiohttp.ClientSession,
    origin: str,
    token: str,
    game_id: Any,
    due: dict[Any, datetime],
    arrivals: list[float],
) -> Wire:
    """Note when each move of the game arrives; `due` has its deadline, from when it is known."""
    url = f"{origin}/api/v1/games/{game_id}/ws"
    wire = await Wire.connect(http, url, token)

    def on_frame(frame: bytes) -> None:
        if b'"type":"event"' in frame and b'"log_head"' in frame and game_id in due:
            arrivals.append(time.time() - due[game_id].timestamp())
            due[game_id] = datetime.fromisoformat(orjson.loads(frame)["event"]["deadline"])

    wire.on_frame = on_frame
    return wire


def _late(moves: Sequence[Any], first: dict[Any, datetime]) -> list[float]:
    """Seconds of each move after its deadline, which is a turn after the move before."""
    due = dict(first)
    late = []
    for row in moves:
        if row["game_id"] in due:
            late.append((row["played_at"] - due[row["game_id"]]).total_seconds())
            due[row["game_id"]] = row["played_at"] + TURN
    return late


def _figure(what: str, seconds: Sequence[float]) -> Figure:
    half, most, worst = (
        1000 * value
        for value in (percentile(seconds, 0.5), percentile(seconds, 0.99), max(seconds))
    )
    value = f"p50 {half:.0f} ms, p99 {most:.0f} ms, max {worst:.0f} ms"
    return Figure(what, value, f"max ≤ {_EXACT_MS} ms", worst <= _EXACT_MS)


def main() -> None:
    from report import Report
    from rich.console import Console
    from run import platform

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()

    async def measure() -> Report:
        report = Report()
        async with platform({"game": 2}) as (stack, api):
            report.add(
                *await lateness(stack, api, games=arguments.games, seconds=arguments.seconds)
            )
        return report

    asyncio.run(measure()).show(Console())


if __name__ == "__main__":
    main()
