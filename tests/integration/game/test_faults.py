"""The database goes away under a game again and again: a retried play counts once."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import pytest
from factories.card_tables import CardTable, choose, seat, sit_down
from factories.identity_stand_in import User
from factories.running_api import Reply, RunningApi
from parlor_game.usecases.load_table import STANDING, rebuild

pytestmark = pytest.mark.integration

_CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Persistent:
    """A client that sends the same again after a 503, as its Retry-After allows."""

    def __init__(self, table: CardTable) -> None:
        self._table = table

    async def get(self, player: User) -> Reply:
        call = partial(
            self._table.client.call, "GET", self._table.path, headers=player.authorization
        )
        return await self._until_answered(call)

    async def play(self, player: User, body: dict[str, Any], key: str) -> Reply:
        return await self._until_answered(partial(self._table.play, player, body, key=key))

    async def _until_answered(self, ask: Callable[[], Awaitable[Reply]]) -> Reply:
        async with asyncio.timeout(20):
            while True:
                reply = await ask()
                if reply.status != 503:
                    assert reply.status == 200, reply.body
                    return reply
                assert reply.code == "dependency_unavailable"
                assert "retry-after" in reply.headers
                await asyncio.sleep(0.01)


async def test_plays_retried_through_lost_sessions_count_once(
    game: RunningApi,
    people: Callable[[int], list[User]],
    http: aiohttp.ClientSession,
    rows: asyncpg.Connection,
) -> None:
    table: CardTable = await sit_down(game.public, people(2), "crazy_eights")
    client = Persistent(table)
    game_id, rng, first = UUID(table.game_id), random.Random(6), table.players[0]

    async def cut() -> None:
        while True:
            await rows.execute(_CUT)
            await asyncio.sleep(rng.uniform(0.05, 0.5))

    cutting = asyncio.create_task(cut())
    made = 0
    try:
        while made < 40:
            view = (await client.get(first)).body
            if view["turn"] is None:
                break
            mover = table.player(view["turn"])
            legal = (await client.get(mover)).body["legal_plays"]
            await client.play(mover, choose(rng, legal), f"{made}")
            made += 1
    finally:
        cutting.cancel()
        with suppress(asyncio.CancelledError):
            await cutting

    moves = await rows.fetch(
        "SELECT number FROM game_moves WHERE game_id = $1 ORDER BY number", game_id
    )
    assert [row["number"] for row in moves] == list(range(1, made + 1))
    seqs = await rows.fetch("SELECT seq FROM game_events WHERE game_id = $1 ORDER BY seq", game_id)
    assert [row["seq"] for row in seqs] == list(range(1, len(seqs) + 1))
    live, _ = await game.api.services.read_game.standing(game_id, first.id)
    row = await rows.fetchrow(STANDING, game_id)
    assert await rebuild(rows, game_id, row) == live.table
    async with seat(
        http, game.public._base, table.game_id, first, epoch=row["epoch"], since=0
    ) as s:
        await s.reached(row["seq"])
        assert [frame["seq"] for frame in s.events][: len(seqs)] == [one["seq"] for one in seqs]
