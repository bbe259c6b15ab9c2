"""Leaving a table: by giving up, or by losing the connection and not coming back in time.

Time passes by moving the moments in the database; each test ticks when it wants to.
"""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest
from factories.card_tables import CardTable, answer, invite, seat, sit_down
from factories.clocked_tables import has, moves, tick_to_the_end, told
from factories.identity_stand_in import User
from factories.polling import until_true
from factories.running_api import RunningApi
from factories.time_passing import look_after_clocks, pass_time
from parlor_game.usecases.tick_clocks import TickClocks

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]
WINDOW = 120


@pytest.fixture
def clocks(game: RunningApi) -> TickClocks:
    services = game.api.services
    return TickClocks(services.database, services.read_game._tables, services.hub)


@pytest.fixture(autouse=True)
async def no_outage_is_left(rows: asyncpg.Connection) -> AsyncIterator[None]:
    yield
    await look_after_clocks(rows)


@pytest.fixture
async def untimed(game: RunningApi, people: People) -> CardTable:
    return await sit_down(game.public, people(2), "crazy_eights")


async def waiting(table: CardTable) -> User:
    """A player whose turn it is not."""
    mover, _ = await table.next_to_move()
    return next(player for player in table.players if player is not mover)


async def leave(game: RunningApi, http: aiohttp.ClientSession, table: CardTable, who: User) -> None:
    """Sit down on a socket and lose it."""
    async with seat(http, game.public._base, table.game_id, who) as socket:
        await socket.welcomed()
    await has_left(table, who)


def kept_until(view: dict[str, Any], who: User) -> str | None:
    """Until when the seat of one who left is kept."""
    by: str | None = next(
        seat["reconnect_by"] for seat in view["players"] if seat["user_id"] == str(who.id)
    )
    return by


async def has_left(table: CardTable, who: User) -> None:
    async def gone() -> bool:
        return kept_until(await table.get(who), who) is not None

    await until_true(gone)


async def test_others_are_told_for_how_long_the_seat_of_a_lost_player_is_kept(
    game: RunningApi, http: aiohttp.ClientSession, untimed: CardTable
) -> None:
    ada, bob = untimed.players
    async with seat(http, game.public._base, untimed.game_id, bob) as socket:
        await socket.welcomed()
        await leave(game, http, untimed, ada)
        await socket.until(lambda: has(socket, "player.disconnected"))
        event = told(socket, "player.disconnected")
        assert event["user_id"] == str(ada.id)
        assert event["seconds_left"] == WINDOW
        view = await untimed.get(bob)
        shown = {player["user_id"]: player["reconnect_by"] for player in view["players"]}
        assert shown == {str(ada.id): event["reconnect_by"], str(bob.id): None}
        async with seat(http, game.public._base, untimed.game_id, ada) as back:
            await back.welcomed()
            await socket.until(lambda: socket.events[-1]["event"]["type"] == "player.connected")
            view = await untimed.get(bob)
            assert [player["reconnect_by"] for player in view["players"]] == [None, None]


async def test_a_player_who_does_not_come_back_forfeits_in_their_turn(
    game: RunningApi,
    http: aiohttp.ClientSession,
    untimed: CardTable,
    rows: asyncpg.Connection,
    clocks: TickClocks,
) -> None:
    mover, _ = await untimed.next_to_move()
    await leave(game, http, untimed, mover)
    await pass_time(rows, WINDOW - 5)
    await clocks.tick()
    assert await moves(rows, untimed) == []
    await pass_time(rows, 5)
    await tick_to_the_end(clocks, untimed)
    assert await moves(rows, untimed) == [("departure", {"action": "forfeit"})]
    board = await untimed.get(mover, "/scoreboard")
    others = [str(player.id) for player in untimed.players if player is not mover]
    assert (board["status"], board["winner_ids"]) == ("abandoned", others)
    listed = await game.public.call(
        "GET", "/api/v1/games", headers=mover.authorization, params={"status": "active"}
    )
    assert listed.body["items"] == []


async def test_others_go_on_until_they_wait_for_the_one_who_left(
    game: RunningApi,
    http: aiohttp.ClientSession,
    untimed: CardTable,
    rows: asyncpg.Connection,
    clocks: TickClocks,
) -> None:
    lost = await waiting(untimed)
    await leave(game, http, untimed, lost)
    await pass_time(rows, WINDOW + 60)
    await clocks.tick()
    assert (await untimed.get(lost))["status"] == "active"
    while True:
        mover, view = await untimed.next_to_move()
        if mover is lost:
            break
        plays = view["legal_plays"]
        await untimed.play(mover, next((p for p in plays if p["action"] == "play"), plays[-1]))
    await tick_to_the_end(clocks, untimed)
    assert (await moves(rows, untimed))[-1] == ("departure", {"action": "forfeit"})


async def test_who_plays_without_a_socket_has_not_left(
    game: RunningApi,
    http: aiohttp.ClientSession,
    untimed: CardTable,
    rows: asyncpg.Connection,
    clocks: TickClocks,
) -> None:
    mover, view = await untimed.next_to_move()
    await leave(game, http, untimed, mover)
    reply = await untimed.play(mover, view["legal_plays"][0])
    assert [player["reconnect_by"] for player in reply.body["view"]["players"]] == [None, None]
    assert reply.body["view"] == await untimed.get(mover)
    await pass_time(rows, WINDOW + 60)
    await clocks.tick()
    assert (await untimed.get(mover))["status"] == "active"


async def test_a_seat_is_kept_through_an_outage(
    game: RunningApi,
    http: aiohttp.ClientSession,
    untimed: CardTable,
    rows: asyncpg.Connection,
    clocks: TickClocks,
) -> None:
    mover, _ = await untimed.next_to_move()
    await leave(game, http, untimed, mover)
    await pass_time(rows, 10 * WINDOW, ticking=False)
    await clocks.tick()
    view = await untimed.get(mover)
    assert view["status"] == "active"
    by = kept_until(view, mover)
    assert datetime.fromisoformat(str(by)) - datetime.now(UTC) > timedelta(seconds=WINDOW - 10)
    event = await rows.fetchval(
        "SELECT public FROM game_events WHERE game_id = $1 AND type = 'game.clock'",
        untimed.game_id,
    )
    assert orjson.loads(event)["reconnect_by"] == {str(mover.id): by}


async def test_who_leaves_before_the_first_tick_gets_no_time_of_the_outage(
    game: RunningApi,
    http: aiohttp.ClientSession,
    untimed: CardTable,
    rows: asyncpg.Connection,
    clocks: TickClocks,
) -> None:
    who = untimed.players[0]
    async with seat(http, game.public._base, untimed.game_id, who) as socket:
        await socket.welcomed()
        await pass_time(rows, 10 * WINDOW, ticking=False)
    await has_left(untimed, who)
    assert await clocks.tick() == 0
    view = await untimed.get(who)
    by = kept_until(view, who)
    assert datetime.fromisoformat(str(by)) - datetime.now(UTC) <= timedelta(seconds=WINDOW)


async def test_giving_up_on_the_socket_is_the_route_by_another_door(
    game: RunningApi, http: aiohttp.ClientSession, untimed: CardTable, rows: asyncpg.Connection
) -> None:
    ada, bob = untimed.players
    async with seat(http, game.public._base, untimed.game_id, ada) as socket:
        await socket.welcomed()
        refused = await socket.command("1", type="forfeit", card="7H")
        assert refused["code"] == "validation_failed"
        first = await socket.command("2", type="forfeit", key="once")
        again = await socket.command("3", type="forfeit", key="once")
        assert again["type"] == "ack", again
        assert (first["type"], first["seq"]) == ("ack", again["seq"])
        over = await socket.command("4", type="forfeit")
        assert over["code"] == "game_over"
    assert (await untimed.get(bob, "/scoreboard"))["winner_ids"] == [str(bob.id)]
    assert await moves(rows, untimed) == [("player", {"action": "forfeit"})]


async def test_an_expired_invite_frees_everybody(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    ada, bob = people(2)
    made = await invite(game.public, ada, [bob], "crazy_eights")
    await pass_time(rows, 24 * 3600)
    refused = await answer(game.public, bob, made.body["id"], "accept")
    assert (refused.status, refused.code) == (409, "invite_closed")
