"""Kill -9 every game replica in the middle of 100 games: all are played to their right end.

The players are clients on sockets. Each resumes by reconnect token or by its own, on another
replica than before, and misses nothing; scores are worked out again from the move log.
"""

import asyncio
import random
from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import pytest
from factories.people import Person, gather_circle
from factories.polling import until
from factories.socket_players import SocketPlayer
from parlor_dev.client import Api
from parlor_dev.stack import Stack
from parlor_game.usecases.load_table import STANDING, rebuild
from parlor_kit.ids import parse_id

pytestmark = pytest.mark.chaos

GAMES = 100
PLAYS_BEFORE = 6 * GAMES


async def _deal(one: Person, other: Person) -> str:
    made = await one.api.post(
        "/api/v1/games/invites", {"game": "crazy_eights", "invitee_ids": [other.id]}
    )
    accepted = await other.api.post(f"/api/v1/games/invites/{made['id']}/accept")
    return str(accepted["game_id"])


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """So many connections as there are players."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def test_games_are_played_to_their_end_by_other_replicas(
    fragile: Stack, api: Api, http: aiohttp.ClientSession
) -> None:
    circle = await gather_circle(fragile, api, customers=4)
    ann, ben, cid, dan = circle.customers
    pairs = [((ann, ben), (cid, dan))[number % 2] for number in range(GAMES)]
    games = await asyncio.gather(*(_deal(*pair) for pair in pairs))
    first, second = fragile.public_urls("game")
    begun, killed = asyncio.Event(), asyncio.Event()
    players = [
        SocketPlayer(
            http,
            person,
            game_id,
            (first, second) if seat == 0 else (second, first),
            random.Random(2 * number + seat),
            begun,
            by_reconnect_token=number % 2 == 0,
            # Half of the games wait in their middle; the others go on and are hit at any point.
            held=killed if number < GAMES // 2 else None,
        )
        for number, (game_id, pair) in enumerate(zip(games, pairs, strict=True))
        for seat, person in enumerate(pair)
    ]
    playing = [asyncio.create_task(player.play_out()) for player in players]
    replicas = [fragile.process("game-api-1"), fragile.process("game-api-2")]
    await until(lambda: all(player.seated for player in players), seconds=60)
    begun.set()
    await until(lambda: sum(player.plays for player in players) >= PLAYS_BEFORE, seconds=60)
    await asyncio.gather(*(replica.kill() for replica in replicas))
    killed.set()
    await asyncio.gather(*(replica.start() for replica in replicas))
    async with asyncio.timeout(120):
        await asyncio.gather(*playing)

    came_back = [player for player in players if player.came_back]
    assert len(came_back) >= GAMES, "the replicas were killed in the middle of most games"
    for player in came_back:
        assert player.came_back[0] != player.left[0], "on another replica than before"
    rows = await asyncpg.connect(fragile.database_url("game"))
    try:
        for game_id, one, other in zip(games, players[::2], players[1::2], strict=True):
            await _ended_rightly(rows, game_id, one, other)
    finally:
        await rows.close()


async def _ended_rightly(
    rows: asyncpg.Connection, game: str, one: SocketPlayer, other: SocketPlayer
) -> None:
    game_id = parse_id(game)
    assert game_id is not None
    table = await rebuild(rows, game_id, await rows.fetchrow(STANDING, game_id))
    result = table.game.score(table.state)
    assert table.status == "finished"
    made_by = await rows.fetch("SELECT DISTINCT made_by FROM game_moves WHERE game_id = $1", game)
    assert [row["made_by"] for row in made_by] == ["player"]
    stored = await rows.fetch(
        "SELECT score, rank FROM game_players WHERE game_id = $1 ORDER BY seat", game
    )
    assert [(row["score"], row["rank"]) for row in stored] == table.results()
    assert one.finished == other.finished
    assert one.finished is not None
    assert one.finished["scores"] == list(result.scores)
    assert one.finished["winner_ids"] == [str(winner) for winner in table.winner_ids()]
