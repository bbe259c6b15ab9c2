"""How the game service grows with the games at its tables: rate, latency and memory, 10 to 500.

Three passes on one platform with one game process. Games that are only there, with both players'
sockets open: what one costs in memory. Games with a play a second each, as quick people play: how
long a play takes to the opponent's socket. And games as fast as the answers come: plays a second,
and what queueing then makes of the latency.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence

import aiohttp
from crowd import Guest, deal, gather_guests
from game import Table, end
from parlor_dev.client import Api
from parlor_dev.stack import Stack
from report import Figure, percentile, resident_mb
from wire import Wire

SIZES = (10, 50, 100, 200, 500)
_PAIRS = 20
_DEALS_AT_ONCE = 8
_WARM_UP_SECONDS = 3.0
_A_PLAY_A_SECOND = 1.0


async def growth(stack: Stack, api: Api, *, seconds: float) -> AsyncIterator[Figure]:
    """Figures by the number of games at once, as they come."""
    guests = await gather_guests(stack, api, 2 * _PAIRS)
    pairs = [(guests[2 * n], guests[2 * n + 1]) for n in range(_PAIRS)]
    for figure in await _memory(stack, api, pairs):
        yield figure
    for pause, words in (
        (_A_PLAY_A_SECOND, "a play a second each"),
        (0.0, "as fast as answers come"),
    ):
        for games in SIZES:
            yield await _played(stack, api, pairs, games, pause, seconds, words)


async def _played(
    stack: Stack,
    api: Api,
    pairs: Sequence[tuple[Guest, Guest]],
    games: int,
    pause: float,
    seconds: float,
    words: str,
) -> Figure:
    origin = stack.public_urls("game")[0]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        dealing = asyncio.Semaphore(_DEALS_AT_ONCE)
        # Nobody hurries before all have sat down: deals would wait behind plays.
        tables = [Table(api, http, origin, _A_PLAY_A_SECOND, dealing) for _ in range(games)]
        tasks = [
            asyncio.create_task(table.play(*pairs[number % len(pairs)]))
            for number, table in enumerate(tables)
        ]
        try:
            while not all(table.delays for table in tables):
                await asyncio.sleep(0.2)
                _fail_early(tasks)
            for table in tables:
                table.pause = pause
            await asyncio.sleep(_WARM_UP_SECONDS)
            for table in tables:
                table.delays.clear()
            before, started = sum(table.plays for table in tables), time.perf_counter()
            await asyncio.sleep(seconds)
            played = (sum(table.plays for table in tables) - before) / (
                time.perf_counter() - started
            )
            delays = [delay * 1000 for table in tables for delay in table.delays]
        finally:
            await end(tasks)
    return Figure(
        f"game: {games} games, {words}",
        f"{played:,.0f} plays/s, p50 {statistics.median(delays):.2f} ms, "
        f"p99 {percentile(delays, 0.99):.2f} ms",
    )


async def _memory(stack: Stack, api: Api, pairs: Sequence[tuple[Guest, Guest]]) -> list[Figure]:
    """What a game with two open sockets holds in the game process."""
    origin, pid = stack.public_urls("game")[0], stack.process("game-api-1").pid or 0
    slots, wires = asyncio.Semaphore(_DEALS_AT_ONCE), list[Wire]()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def sit_down(number: int) -> None:
            pair = pairs[number % len(pairs)]
            async with slots:
                game = await deal(api, *pair)
                url = f"{origin}/api/v1/games/{game}/ws"
                wires.extend([await Wire.connect(http, url, guest.token) for guest in pair])

        used: dict[int, float] = {}
        for size in SIZES:
            await asyncio.gather(*(sit_down(number) for number in range(len(wires) // 2, size)))
            await asyncio.sleep(1)
            used[size] = resident_mb(pid)
        for wire in wires:
            await wire.close()
    few, many = SIZES[0], SIZES[-1]
    each = (used[many] - used[few]) / (many - few) * 1024
    sizes = ", ".join(f"{size}: {megabytes:.0f} MB" for size, megabytes in used.items())
    return [
        Figure("game: memory of the process by games at its tables", sizes),
        Figure("game: memory a game, both sockets included", f"{each:.0f} kB"),
    ]


def _fail_early(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        if task.done():
            task.result()
