"""Clocks of tables on a real PostgreSQL: what becomes of a game by itself, and what does not.

Time passes by moving the moments in the database; each test ticks when it wants to.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import orjson
import pytest
from factories.card_tables import CardTable, Seat, answer, invite, seat, sit_down
from factories.identity_stand_in import User
from factories.polling import until_true
from factories.running_api import RunningApi
from factories.time_passing import pass_time
from parlor_game.usecases.load_table import Tables
from parlor_game.usecases.tick_clocks import TickClocks
from parlor_rules.catalog import GAMES

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]
TURN, RESERVE = 30, 10
WINDOW = 120


@pytest.fixture
def clocks(game: RunningApi) -> TickClocks:
    services = game.api.services
    return TickClocks(services.database, services.read_game._tables, services.hub)


@pytest.fixture
def other_clocks(game: RunningApi) -> TickClocks:
    """Those of another replica, which has no table in memory."""
    services = game.api.services
    return TickClocks(services.database, Tables(services.database), services.hub)


@pytest.fixture
async def timed(game: RunningApi, people: People) -> CardTable:
    return await sit_down(
        game.public, people(2), "crazy_eights", turn_seconds=TURN, reserve_seconds=RESERVE
    )


@pytest.fixture
async def untimed(game: RunningApi, people: People) -> CardTable:
    return await sit_down(game.public, people(2), "crazy_eights")


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


async def waiting(table: CardTable) -> User:
    """A player whose turn it is not."""
    mover, _ = await table.next_to_move()
    return next(player for player in table.players if player is not mover)


async def test_the_clock_of_the_invite_is_in_every_view_and_event(
    game: RunningApi, timed: CardTable, http: aiohttp.ClientSession
) -> None:
    mover, view = await timed.next_to_move()
    reserves = {str(player.id): float(RESERVE) for player in timed.players}
    assert view["reserves"] == reserves
    assert TURN + RESERVE - 2 < left(view) <= TURN + RESERVE
    async with seat(http, game.public._base, timed.game_id, mover) as socket:
        welcome = await socket.welcomed()
        assert welcome["snapshot"]["deadline"] == view["deadline"]
        reply = await timed.play(mover, view["legal_plays"][0])
        after = reply.body["view"]
        assert after["deadline"] > view["deadline"]
        await socket.reached(reply.body["seq"])
        last = socket.events[-1]["event"]
        assert (last["deadline"], last["reserves"]) == (after["deadline"], after["reserves"])


async def test_a_turn_that_takes_longer_comes_out_of_the_reserve(
    timed: CardTable, rows: asyncpg.Connection
) -> None:
    mover, view = await timed.next_to_move()
    await pass_time(rows, TURN + 4)
    reply = await timed.play(mover, view["legal_plays"][0])
    reserve = reply.body["view"]["reserves"][str(mover.id)]
    assert RESERVE - 6 < reserve <= RESERVE - 4
    stored = await rows.fetchval(
        "SELECT reserve_ms FROM game_players WHERE game_id = $1 AND user_id = $2",
        timed.game_id,
        mover.id,
    )
    assert stored == round(reserve * 1000)


async def test_when_the_clock_runs_out_the_rules_say_what_is_played(
    timed: CardTable, rows: asyncpg.Connection, clocks: TickClocks
) -> None:
    mover, view = await timed.next_to_move()
    await pass_time(rows, TURN + RESERVE - 2)
    await clocks.tick()
    assert await moves(rows, timed) == []
    await pass_time(rows, 2)
    await clocks.tick()
    ((by, play),) = await moves(rows, timed)
    assert by == "clock"
    assert play in view["legal_plays"]
    after = await timed.get(mover)
    assert after["reserves"][str(mover.id)] == 0
    assert left(after) > 0


async def test_two_replicas_make_each_move_once(
    game: RunningApi,
    people: People,
    rows: asyncpg.Connection,
    clocks: TickClocks,
    other_clocks: TickClocks,
) -> None:
    tables = [
        await sit_down(game.public, people(2), "crazy_eights", turn_seconds=TURN) for _ in range(20)
    ]
    await pass_time(rows, TURN)
    made = await asyncio.gather(*(one.tick() for one in (clocks, other_clocks) * 3))
    assert sum(made) >= len(tables)
    for table in tables:
        assert len(await moves(rows, table)) == 1


async def test_of_a_play_and_the_clock_at_once_one_wins(
    game: RunningApi, people: People, rows: asyncpg.Connection, clocks: TickClocks
) -> None:
    tables = [
        await sit_down(game.public, people(2), "crazy_eights", turn_seconds=TURN) for _ in range(10)
    ]
    turns = [await table.next_to_move() for table in tables]
    await pass_time(rows, TURN)
    replies, _ = await asyncio.gather(
        asyncio.gather(
            *(
                table.play(mover, view["legal_plays"][0] | {"expected_seq": view["seq"]})
                for table, (mover, view) in zip(tables, turns, strict=True)
            )
        ),
        clocks.tick(),
    )
    for table, reply in zip(tables, replies, strict=True):
        ((by, _),) = await moves(rows, table)
        assert (reply.status, by) in {(200, "player"), (409, "clock")}


async def test_a_game_without_a_clock_is_abandoned_when_it_lies_idle(
    untimed: CardTable, rows: asyncpg.Connection, clocks: TickClocks
) -> None:
    mover, view = await untimed.next_to_move()
    day = 24 * 3600
    assert 3 * day - 10 < left(view) <= 3 * day
    assert view["reserves"] is None
    await pass_time(rows, 3 * day)
    await clocks.tick()
    board = await untimed.get(mover, "/scoreboard")
    others = [str(player.id) for player in untimed.players if player is not mover]
    assert (board["status"], board["winner_ids"]) == ("abandoned", others)
    assert await moves(rows, untimed) == [("clock", {"action": "forfeit"})]
    assert (await untimed.get(mover))["deadline"] is None
    alarm = "SELECT alarm_at FROM games WHERE id = $1"
    assert await rows.fetchval(alarm, untimed.game_id) is None


async def test_a_game_that_nobody_attends_ends(
    timed: CardTable, rows: asyncpg.Connection, clocks: TickClocks
) -> None:
    for _ in range(200):
        await pass_time(rows, TURN + RESERVE)
        await clocks.tick()
        view = await timed.get(timed.players[0])
        if view["status"] != "active":
            break
    assert view["status"] in {"finished", "abandoned"}
    assert {by for by, _ in await moves(rows, timed)} == {"clock"}
    board = await timed.get(timed.players[0], "/scoreboard")
    assert len(board["rounds"]) == 1


async def test_clocks_stand_still_while_no_replica_is_there(
    game: RunningApi,
    people: People,
    timed: CardTable,
    http: aiohttp.ClientSession,
    rows: asyncpg.Connection,
    clocks: TickClocks,
    other_clocks: TickClocks,
) -> None:
    mover, view = await timed.next_to_move()
    before = left(view)
    async with seat(http, game.public._base, timed.game_id, mover) as socket:
        await socket.welcomed()
        await pass_time(rows, 500, ticking=False)
        made = await asyncio.gather(*(one.tick() for one in (clocks, other_clocks) * 2))
        assert made == [0, 0, 0, 0]
        assert await moves(rows, timed) == []
        after = await timed.get(mover)
        assert before - 3 < left(after) <= before + 1
        socket_seq = after["seq"]
        game.api.services.hub.wake(UUID(timed.game_id), socket_seq)
        await socket.until(lambda: has(socket, "game.clock"))
        assert told(socket, "game.clock")["deadline"] == after["deadline"]
        assert told(socket, "game.clock")["stopped_seconds"] >= 500
    reply = await timed.play(mover, view["legal_plays"][0])
    assert reply.status == 200, reply.body
    assert reply.body["view"]["reserves"][str(mover.id)] == RESERVE


async def test_a_short_pause_is_no_outage(
    timed: CardTable, rows: asyncpg.Connection, clocks: TickClocks
) -> None:
    await clocks.tick()
    _, view = await timed.next_to_move()
    await pass_time(rows, 1, ticking=False)
    await clocks.tick()
    _, after = await timed.next_to_move()
    assert left(after) < left(view) + 0.1
    assert after["seq"] == view["seq"]


async def leave(game: RunningApi, http: aiohttp.ClientSession, table: CardTable, who: User) -> None:
    """Sit down on a socket and lose it."""
    async with seat(http, game.public._base, table.game_id, who) as socket:
        await socket.welcomed()

    async def gone() -> bool:
        view = await table.get(who)
        return all(p["reconnect_by"] for p in view["players"] if p["user_id"] == str(who.id))

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
    await clocks.tick()
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
    await clocks.tick()
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
    by = next(p["reconnect_by"] for p in view["players"] if p["user_id"] == str(mover.id))
    assert datetime.fromisoformat(by) - datetime.now(UTC) > timedelta(seconds=WINDOW - 10)
    event = await rows.fetchval(
        "SELECT public FROM game_events WHERE game_id = $1 AND type = 'game.clock'",
        untimed.game_id,
    )
    assert orjson.loads(event)["reconnect_by"] == {str(mover.id): by}


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


async def test_one_table_that_cannot_go_on_does_not_stop_the_clocks_of_others(
    game: RunningApi,
    people: People,
    rows: asyncpg.Connection,
    other_clocks: TickClocks,
) -> None:
    broken, sound = [
        await sit_down(game.public, people(2), "crazy_eights", turn_seconds=TURN) for _ in range(2)
    ]
    await rows.execute("UPDATE games SET game = 'lost' WHERE id = $1", broken.game_id)
    await pass_time(rows, TURN)
    await other_clocks.tick()
    assert len(await moves(rows, sound)) == 1
    alarm = await rows.fetchval("SELECT alarm_at FROM games WHERE id = $1", broken.game_id)
    assert alarm > datetime.now(UTC) + timedelta(seconds=30)
    await rows.execute("UPDATE games SET game = 'crazy_eights' WHERE id = $1", broken.game_id)


async def test_an_alarm_that_rings_too_early_is_set_again(
    timed: CardTable, rows: asyncpg.Connection, clocks: TickClocks
) -> None:
    mover, view = await timed.next_to_move()
    await timed.play(mover, view["legal_plays"][0])
    await rows.execute("UPDATE games SET alarm_at = clock_timestamp() WHERE id = $1", timed.game_id)
    assert await clocks.tick() == 0
    row = await rows.fetchrow("SELECT alarm_at, deadline FROM games WHERE id = $1", timed.game_id)
    assert row["alarm_at"] == row["deadline"]


@pytest.mark.parametrize("name", sorted(GAMES))
async def test_every_game_plays_itself_to_an_end(
    name: str,
    game: RunningApi,
    people: People,
    rows: asyncpg.Connection,
    clocks: TickClocks,
) -> None:
    """One player attends, the clock plays for the others: the game takes its course."""
    seats = GAMES[name].seats[0]
    table = await sit_down(game.public, people(seats), name, turn_seconds=5)
    attending = table.players[0]
    for _ in range(400):
        view = await table.get(attending)
        if view["status"] != "active":
            break
        if view["turn"] == str(attending.id):
            plays = view["legal_plays"]
            play = next((one for one in plays if one["action"] == "play"), plays[-1])
            assert (await table.play(attending, play)).status == 200
        else:
            await pass_time(rows, 5)
            await clocks.tick()
    assert view["status"] == "finished"


async def test_an_expired_invite_frees_everybody(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    ada, bob = people(2)
    made = await invite(game.public, ada, [bob], "crazy_eights")
    await pass_time(rows, 24 * 3600)
    refused = await answer(game.public, bob, made.body["id"], "accept")
    assert (refused.status, refused.code) == (409, "invite_closed")
