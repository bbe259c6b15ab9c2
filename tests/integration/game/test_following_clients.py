"""A client that only follows events has the server's view, whatever it plays and however late."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import pytest
from factories.card_tables import CardTable, choose, seat, sit_down
from factories.identity_stand_in import User
from factories.polling import until_true
from factories.running_api import RunningApi
from factories.table_client import TableClient
from factories.time_passing import pass_time
from parlor_game.usecases.tick_clocks import TickClocks
from parlor_rules.catalog import GAMES

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]
MOVES, OUTAGE = 40, 8
DRAW = {"action": "draw"}


@pytest.fixture
async def sat() -> AsyncIterator[AsyncExitStack]:
    """Sockets that stay open until the test ends."""
    async with AsyncExitStack() as stack:
        yield stack


async def follow(
    sat: AsyncExitStack, http: aiohttp.ClientSession, table: CardTable, player: User
) -> TableClient:
    """A program of this player that has sat down."""
    socket = await sat.enter_async_context(seat(http, table.client._base, table.game_id, player))
    await socket.welcomed()
    return TableClient(table, player, socket)


def clocks_of(game: RunningApi) -> TickClocks:
    services = game.api.services
    return TickClocks(services.database, services.read_game._tables, services.hub)


async def caught_up(client: TableClient, seq: int) -> None:
    await client._socket.reached(seq)
    client.hear()


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("name", list(GAMES))
async def test_whoever_follows_events_has_the_servers_view(
    game: RunningApi,
    people: People,
    http: aiohttp.ClientSession,
    sat: AsyncExitStack,
    rows: asyncpg.Connection,
    name: str,
    number: int,
) -> None:
    """Every client hears as much as it likes before each move, and once all clocks stand still;
    each view it had was the server's at that seq, and in the end all of them are the present one.
    """
    rng = random.Random(f"{name} {number}")
    seats = rng.choice(GAMES[name].seats)
    options: dict[str, Any] = {"turn_seconds": 600, "reserve_seconds": 60} if number else {}
    table = await sit_down(game.public, people(seats), name, **options)
    known: dict[tuple[int, int], dict[str, Any]] = {}
    clients = [await follow(sat, http, table, player) for player in table.players]
    for move in range(MOVES):
        if move == OUTAGE:
            await pass_time(rows, 9, ticking=False)
            await clocks_of(game).tick()
            seq = (await table.get(table.players[0]))["seq"]
            game.api.services.hub.wake(UUID(table.game_id), seq)  # as the live feed does
        views = [await table.get(player) for player in table.players]
        for place, view in enumerate(views):
            known[place, view["seq"]] = view
        if views[0]["turn"] is None:
            break
        mover = next(one for one in clients if str(one.player.id) == views[0]["turn"])
        await caught_up(mover, views[0]["seq"])
        for place, client in enumerate(clients):
            if client is not mover:
                client.hear(rng.randrange(4))
            if (place, client.seq) in known:
                assert client.view() == known[place, client.seq]
        reply = await mover.play(choose(rng, mover.view()["legal_plays"]))
        assert reply.status == 200, reply.body
    for client in clients:
        view = await table.get(client.player)
        await caught_up(client, view["seq"])
        assert client.view() == view


async def lose(client: TableClient) -> None:
    """The player loses the only socket; everybody is told."""
    await client._socket.leave()

    async def gone() -> bool:
        view = await client.table.get(client.player)
        return not view["players"][client.follower.seat]["connected"]

    await until_true(gone)


async def come_back(sat: AsyncExitStack, http: aiohttp.ClientSession, client: TableClient) -> None:
    """On a new socket, from where the program was."""
    table, resume = client.table, {"epoch": client.base["epoch"], "since": client.seq}
    taken = seat(http, table.client._base, table.game_id, client.player, **resume)
    client._socket, client._taken = await sat.enter_async_context(taken), 0
    assert (await client._socket.welcomed())["recovered"] is True


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("crazy_eights", {}),
        ("crazy_eights", {"target_score": 60}),
        ("gin_rummy", {"target_score": 100}),
        ("hearts", {}),
        ("spades", {}),
    ],
)
async def test_whoever_follows_events_knows_who_is_here_and_who_is_waited_for(
    game: RunningApi,
    people: People,
    http: aiohttp.ClientSession,
    sat: AsyncExitStack,
    rows: asyncpg.Connection,
    name: str,
    options: dict[str, Any],
) -> None:
    """Players lose their sockets, play without one, let the clock play, and come back; in the end
    somebody gives up while another is away. The one who stays has the server's view throughout.
    """
    rng = random.Random(f"{name} {options}")
    players = people(GAMES[name].seats[-1] if name != "crazy_eights" else 3)
    table = await sit_down(game.public, players, name, turn_seconds=600, **options)
    stays, *others = [await follow(sat, http, table, player) for player in table.players]
    away: list[TableClient] = []
    clocks, done = clocks_of(game), {"lost": 0, "without a socket": 0, "by the clock": 0}

    async def compare(client: TableClient) -> dict[str, Any]:
        view: dict[str, Any] = await table.get(client.player)
        await caught_up(client, view["seq"])
        assert client.view() == view
        return view

    for _ in range(MOVES):
        view = await compare(stays)
        if view["turn"] is None:
            break
        for client in others:
            if client in away and rng.random() < 0.2:
                await come_back(sat, http, client)
                await compare(client)
                away.remove(client)
            elif client not in away and rng.random() < 0.2:
                await lose(client)
                away.append(client)
                done["lost"] += 1
        mover = table.player(view["turn"])
        await compare(stays)
        if rng.random() < 0.3:
            await rows.execute(
                "UPDATE games SET deadline = now(), alarm_at = now() WHERE id = $1", table.game_id
            )
            await clocks.tick()
            done["by the clock"] += 1
        else:
            plays = (await table.get(mover))["legal_plays"]
            assert (await table.play(mover, choose(rng, plays))).status == 200
            done["without a socket"] += any(client.player is mover for client in away)
    if (await compare(stays))["status"] == "active":
        assert all(done.values()), done  # in a game that went on for so long
        if others[0] in away:  # and perhaps not waited for, having played without a socket
            await come_back(sat, http, others[0])
            await compare(others[0])
        await lose(others[0])
        assert any(one["reconnect_by"] for one in (await compare(stays))["players"])
        assert (await table.forfeit(others[-1].player)).status == 200
        await compare(stays)


async def test_a_play_made_too_early_is_made_again_on_the_view_that_the_refusal_brings(
    game: RunningApi, people: People, http: aiohttp.ClientSession, sat: AsyncExitStack
) -> None:
    """Each player has two devices: one draws, and the other plays before it has heard of that."""
    table = await sit_down(game.public, people(2), "crazy_eights")
    devices = {
        str(player.id): [await follow(sat, http, table, player) for _ in range(2)]
        for player in table.players
    }
    rng, again = random.Random(1), 0
    for _ in range(40):
        view = await table.get(table.players[0])
        if view["turn"] is None:
            break
        late, ready = rng.sample(devices[view["turn"]], 2)
        await caught_up(late, view["seq"])
        await caught_up(ready, view["seq"])
        body = choose(rng, late.view()["legal_plays"])
        drawn = DRAW in ready.view()["legal_plays"]
        if drawn:
            assert (await ready.play(DRAW)).status == 200
        reply = await late.play(body)
        assert late.stale == drawn
        assert reply.status == 200 or reply.code == "stale_play", reply.body
        assert reply.status == 200 or body not in late.view()["legal_plays"]
        again += drawn and reply.status == 200
        late.stale = 0
        present = await table.get(late.player)
        await caught_up(late, present["seq"])
        assert late.view() == present
    assert again > 5


async def test_a_card_that_is_put_down_too_early_comes_back_into_the_hand(
    game: RunningApi, people: People, http: aiohttp.ClientSession, sat: AsyncExitStack
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights")
    mover, view = await table.next_to_move()
    client = await follow(sat, http, table, mover)
    await table.play(mover, {"action": "draw"})
    client.optimistic = {"action": "play", "card": view["your_hand"][0]}
    assert client.hand() == view["your_hand"][1:]
    reply = await client.play(client.optimistic | {"suit": "X"})
    assert (reply.status, reply.code) == (409, "stale_play")
    present = await table.get(mover)
    assert client.hand() == client.view()["your_hand"] == present["your_hand"]
    assert set(present["your_hand"]) > set(view["your_hand"])
