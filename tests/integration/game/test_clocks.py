"""Clocks of tables on a real PostgreSQL: what becomes of a game by itself, and what does not.

Time passes by moving the moments in the database; each test ticks when it wants to.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import aiohttp
import asyncpg
import pytest
from factories.card_tables import CardTable, seat, sit_down
from factories.clocked_tables import has, left, moves, told
from factories.identity_stand_in import User
from factories.polling import until, until_true
from factories.running import running
from factories.running_api import RunningApi
from factories.time_passing import look_after_clocks, pass_time
from parlor_game.usecases.load_table import Tables
from parlor_game.usecases.tick_clocks import TickClocks
from parlor_rules.catalog import GAMES

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]
TURN, RESERVE = 30, 10


@pytest.fixture
def clocks(game: RunningApi) -> TickClocks:
    services = game.api.services
    return TickClocks(services.database, services.read_game._tables, services.hub)


@pytest.fixture(autouse=True)
async def no_outage_is_left(rows: asyncpg.Connection) -> AsyncIterator[None]:
    yield
    await look_after_clocks(rows)


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


async def test_a_play_before_the_first_tick_is_not_charged_for_the_outage(
    game: RunningApi, people: People, timed: CardTable, rows: asyncpg.Connection, clocks: TickClocks
) -> None:
    other = await sit_down(game.public, people(2), "crazy_eights", turn_seconds=TURN)
    mover, view = await timed.next_to_move()
    await pass_time(rows, 500, ticking=False)
    reply = await timed.play(mover, view["legal_plays"][0])
    assert reply.status == 200, reply.body
    after = reply.body["view"]
    assert after["reserves"] == {str(player.id): RESERVE for player in timed.players}
    assert 0 < left(after) <= TURN + RESERVE
    assert 0 < left(await other.get(other.players[0])) <= TURN

    assert await clocks.tick() == 0
    assert (await timed.get(mover))["deadline"] == after["deadline"]


async def test_who_gives_up_before_the_first_tick_is_heard(
    timed: CardTable, rows: asyncpg.Connection
) -> None:
    await pass_time(rows, 500, ticking=False)
    reply = await timed.forfeit(timed.players[0])
    assert (reply.status, reply.body["view"]["status"]) == (200, "abandoned")


async def test_a_game_that_is_dealt_before_the_first_tick_gets_no_time_of_the_outage(
    game: RunningApi, people: People, rows: asyncpg.Connection, clocks: TickClocks
) -> None:
    await pass_time(rows, 500, ticking=False)
    table = await sit_down(game.public, people(2), "crazy_eights", turn_seconds=TURN)
    assert await clocks.tick() == 0
    view = await table.get(table.players[0])
    assert 0 < left(view) <= TURN


async def test_a_replica_that_nobody_can_play_on_looks_after_no_clock(
    game: RunningApi, rows: asyncpg.Connection
) -> None:
    """It does not say that the clocks run: with it alone, they stand still."""
    services, asked, reachable = game.api.services, [], False

    def attended() -> bool:
        asked.append(reachable)
        return reachable

    last = "SELECT ticked_at FROM game_clock"
    await pass_time(rows, 500, ticking=False)
    before = await rows.fetchval(last)

    async def ticked() -> bool:
        return bool(await rows.fetchval(last) > before)

    tables = services.read_game._tables
    clocks = TickClocks(services.database, tables, services.hub, attended)
    async with running(clocks.run()):
        await until(lambda: len(asked) > 3)
        assert not await ticked()
        reachable = True
        await until_true(ticked)


async def test_a_replica_that_goes_away_looks_after_no_clock_any_more(
    game: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    running_clocks = game.api.background["tick-clocks"].__self__  # type: ignore[attr-defined]
    assert running_clocks._attended()
    monkeypatch.setattr(running_clocks._hub, "_draining", True)
    assert not running_clocks._attended()


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
