"""Game: a card play to the opponent's socket, and plays a second over many games at once."""

import asyncio
import time
from typing import Any

import aiohttp
import orjson
from crowd import Guest, deal, gather_guests
from parlor_dev.client import Api
from parlor_dev.stack import Stack
from report import Figure, latency, rate
from wire import Wire


def _socket_url(origin: str, game: str) -> str:
    return f"{origin}/api/v1/games/{game}/ws"


def _turn(frame: bytes) -> list[dict[str, Any]]:
    """The legal plays in a `game.turn` event for the seat that got it; empty for other frames."""
    if b'"game.turn"' not in frame:
        return []
    return list(orjson.loads(frame)["event"].get("legal_plays") or ())


def _choose(legal: list[dict[str, Any]]) -> dict[str, Any]:
    """Draw while fewer than three plays are open, so that games are long and deals are rare."""
    plays = [play for play in legal if play["action"] == "play"]
    draw = next((play for play in legal if play["action"] == "draw"), None)
    if draw is not None and len(plays) < 3:
        return draw
    return plays[0] if plays else legal[0]


class Table:
    """One game played by two sockets, again and again: `pause` seconds after each turn came.

    `dealing` is for tables that must not all be dealt at once.
    """

    def __init__(
        self,
        api: Api,
        http: aiohttp.ClientSession,
        origin: str,
        pause: float = 0.0,
        dealing: asyncio.Semaphore | None = None,
    ) -> None:
        self._api = api
        self._http = http
        self._origin = origin
        self.pause = pause
        self._dealing = dealing or asyncio.Semaphore(1)
        self.plays = 0
        self.delays: list[float] = []

    async def play(self, one: Guest, other: Guest) -> None:
        while True:
            await self._game(one, other)

    async def _game(self, one: Guest, other: Guest) -> None:
        async with self._dealing:
            game = await deal(self._api, one, other)
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        started, asked, left = 0.0, 0, False
        wires = {
            guest.id: await Wire.connect(self._http, _socket_url(self._origin, game), guest.token)
            for guest in (one, other)
        }

        def take_turn(guest: Guest, legal: list[dict[str, Any]]) -> None:
            nonlocal started, asked
            if left:
                return
            started, asked = time.perf_counter(), asked + 1
            frame = orjson.dumps({"type": "play", "id": f"p{asked}", **_choose(legal)})
            loop.create_task(wires[guest.id].send(frame))

        def listen(guest: Guest, opponent: Guest) -> None:
            def on_frame(frame: bytes) -> None:
                if b'"event"' not in frame[:24]:
                    if b'"error"' in frame[:24]:
                        raise RuntimeError(frame.decode())
                    self.plays += 1
                    return
                if b'"game.card_' in frame and opponent.id.encode() in frame:
                    self.delays.append(time.perf_counter() - started)
                if b'"game.finished"' in frame:
                    over.set()
                elif legal := _turn(frame):
                    if self.pause:
                        loop.call_later(self.pause, take_turn, guest, legal)
                    else:
                        take_turn(guest, legal)

            wires[guest.id].on_frame = on_frame

        listen(one, other)
        listen(other, one)
        view = await self._api.caller(one.token).get(f"/api/v1/games/{game}")
        first = one if view["turn"] == one.id else other
        if first is other:
            view = await self._api.caller(other.token).get(f"/api/v1/games/{game}")
        take_turn(first, view["legal_plays"])
        try:
            await asyncio.wait_for(over.wait(), 1200)
        finally:
            left = True
            for wire in wires.values():
                await wire.close()


async def latencies(stack: Stack, api: Api, seconds: float) -> list[Figure]:
    """One game at a time: play → the opponent's socket."""
    one, other = await gather_guests(stack, api, 2)
    async with aiohttp.ClientSession() as http:
        table = Table(api, http, stack.public_urls("game")[0])
        await for_a_while(seconds, [table.play(one, other)])
    return [latency("game: play → opponent's socket", table.delays, p50_ms=1.5)]


async def throughput(stack: Stack, api: Api, *, games: int, seconds: float) -> list[Figure]:
    """Plays a second over `games` games at once, in one game process."""
    guests = await gather_guests(stack, api, 40)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        tables = [Table(api, http, stack.public_urls("game")[0]) for _ in range(games)]
        playing = [
            table.play(guests[2 * (n % 20)], guests[2 * (n % 20) + 1])
            for n, table in enumerate(tables)
        ]
        tasks = [asyncio.create_task(play) for play in playing]
        await asyncio.sleep(5)
        before, started = sum(table.plays for table in tables), time.perf_counter()
        await asyncio.sleep(seconds)
        elapsed = time.perf_counter() - started
        played = sum(table.plays for table in tables) - before
        await end(tasks)
    return [rate(f"game: card plays, {games} games at once", played / elapsed, at_least=3000)]


async def for_a_while(seconds: float, playing: list[Any]) -> None:
    tasks = [asyncio.create_task(play) for play in playing]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    await end(tasks)


async def end(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
