"""The live socket: who gets in, what it sends, what may be said on it, and how it resumes."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import Context
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import pytest
from factories.card_tables import CardTable, Seat, choose, seat, sit_down
from factories.identity_stand_in import IdentityStandIn, User
from factories.running_api import RunningApi
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]
Open = Callable[..., AbstractAsyncContextManager[Seat]]


@pytest.fixture
async def table(game: RunningApi, people: People) -> CardTable:
    return await sit_down(game.public, people(2), "crazy_eights")


@pytest.fixture
def at(game: RunningApi, http: aiohttp.ClientSession, table: CardTable) -> Open:
    """Open the socket of the table, or of another game, for a player."""

    @asynccontextmanager
    async def opened(
        player: User | None, game_id: str = "", **query: str | int
    ) -> AsyncIterator[Seat]:
        base = game.public._base
        async with seat(http, base, game_id or table.game_id, player, **query) as taken:
            yield taken

    return opened


async def token_of(table: CardTable, player: User) -> str:
    return str((await table.get(player, "/reconnect-token"))["token"])


async def test_nobody_gets_in_without_a_valid_token(at: Open, table: CardTable) -> None:
    forged = User(table.players[0].id, "customer", "a@b.c", "A", token="not.a.token")
    for player, query in ((None, {}), (forged, {}), (None, {"token": "made-up"})):
        async with at(player, **query) as socket:
            assert await socket.closed() == 4401
            assert socket.raw == []


async def test_outsiders_and_unknown_games_are_closed_alike(
    at: Open, table: CardTable, people: People, identity: IdentityStandIn
) -> None:
    (eve,) = people(1)
    for player, game_id in (
        (eve, table.game_id),
        (identity.user("admin"), table.game_id),
        (table.players[0], str(new_id())),
        (table.players[0], "nothing"),
    ):
        async with at(player, game_id) as socket:
            assert await socket.closed() == 4404
            assert socket.raw == []


async def test_a_welcome_holds_the_players_own_view(at: Open, table: CardTable) -> None:
    ada = table.players[0]
    async with at(ada) as socket:
        await socket.welcomed()
        view = await table.get(ada)
        assert socket.welcome == {
            "type": "welcome",
            "epoch": view["epoch"],
            "seq": view["seq"],
            "recovered": False,
            "replayed": 0,
            "snapshot": view,
        }
        assert view["players"][0]["connected"] is True
        assert view["players"][1]["connected"] is False


async def test_a_play_reaches_both_sockets_each_with_its_own_part(
    at: Open, table: CardTable
) -> None:
    mover, view = await table.next_to_move()
    other = next(one for one in table.players if one is not mover)
    async with at(mover) as mine, at(other) as theirs:
        await theirs.welcomed()
        ack = await mine.command("1", type="play", action="draw")
        assert ack == {"type": "ack", "id": "1", "seq": ack["seq"]}
        for socket in (mine, theirs):
            await socket.reached(ack["seq"])
        own = [frame["event"] for frame in mine.events if frame["seq"] > ack["seq"] - 2]
        seen = [frame["event"] for frame in theirs.events if frame["seq"] > ack["seq"] - 2]
        assert [event["type"] for event in own] == ["game.card_drawn", "game.turn"]
        assert own[0]["user_id"] == str(mover.id)
        now = await table.get(mover)
        assert {own[0]["card"]} == set(now["your_hand"]) - set(view["your_hand"])
        assert own[1]["legal_plays"] == now["legal_plays"]
        assert [event["type"] for event in seen] == ["game.card_drawn", "game.turn"]
        assert "card" not in seen[0]
        assert "legal_plays" not in seen[1]


async def test_commands_are_refused_as_the_routes_refuse(at: Open, table: CardTable) -> None:
    mover, view = await table.next_to_move()
    other = next(one for one in table.players if one is not mover)
    async with at(mover) as mine, at(other) as theirs:
        assert await mine.command("p", type="ping") == {"type": "ack", "id": "p"}
        for message, code in (
            ({"type": "play"}, "validation_failed"),
            ({"type": "play", "card": 5}, "validation_failed"),
            ({"type": "play", "action": "draw", "peek": True}, "validation_failed"),
            ({"type": "play", "action": "draw", "key": ""}, "validation_failed"),
            ({"type": "play", "action": "draw", "key": "a\x00b"}, "validation_failed"),
            ({"type": "deal"}, "validation_failed"),
            ({"type": "play", "action": "pass"}, "illegal_play"),
            ({"type": "play", "action": "draw", "expected_seq": 0}, "stale_play"),
        ):
            error = await mine.command(f"{message}", **message)
            assert (error["type"], error["code"]) == ("error", code)
        assert error["view"]["your_hand"] == view["your_hand"]
        error = await theirs.command("1", type="play", action="draw")
        assert (error["type"], error["code"]) == ("error", "not_your_turn")


async def test_a_play_with_a_key_counts_once_over_both_doors(at: Open, table: CardTable) -> None:
    mover, _ = await table.next_to_move()
    async with at(mover) as mine:
        first = await mine.command("1", type="play", action="draw", key="k")
        again = await mine.command("2", type="play", action="draw", key="k")
        assert again["seq"] == first["seq"]
        posted = await table.play(mover, {"action": "draw"}, key="k")
        assert posted.body["seq"] == first["seq"]
        other = await mine.command("3", type="play", action="pass", key="k")
        assert other["code"] == "idempotency_key_reused"
    async with at(mover) as anew:
        assert (await anew.command("1", type="play", action="draw", key="k"))["seq"] == first["seq"]


async def test_a_command_that_comes_again_by_its_id_is_not_done_again(
    at: Open, table: CardTable, rows: asyncpg.Connection
) -> None:
    mover, view = await table.next_to_move()
    draw = {"type": "play", "action": "draw"}
    async with at(mover) as mine:
        await mine.welcomed()
        for _ in range(3):
            await mine._socket.send_json({"id": "1", **draw})
        await mine._socket.send_json({"id": "2", "type": "ping"})
        await mine.until(lambda: [frame.get("id") for frame in mine.answers].count("1") == 3)
        acks = [frame for frame in mine.answers if frame.get("id") == "1"]
        assert acks == [acks[0]] * 3
        assert acks[0]["type"] == "ack"
        moves = "SELECT count(*) FROM game_moves WHERE game_id = $1"
        assert await rows.fetchval(moves, UUID(table.game_id)) == 1
        other = await mine.command("1", type="play", action="pass")
        assert (other["type"], other["code"]) == ("error", "idempotency_key_reused")
        assert (await mine.command("3", **draw))["type"] == "ack"
        assert await rows.fetchval(moves, UUID(table.game_id)) == 2
    async with at(mover) as anew:
        assert (await anew.command("1", **draw))["seq"] > acks[0]["seq"]
    assert view["seq"] < acks[0]["seq"]


async def test_a_command_whose_id_is_a_uuid_is_not_done_again_after_a_reconnect(
    at: Open, table: CardTable, rows: asyncpg.Connection
) -> None:
    mover, _ = await table.next_to_move()
    draw, unique = {"type": "play", "action": "draw"}, str(new_id())
    async with at(mover) as mine:
        first = await mine.command(unique, **draw)
    async with at(mover) as anew:
        again = await anew.command(unique, **draw)
        assert (again["type"], again["seq"]) == ("ack", first["seq"])
        other = await anew.command(unique, type="play", action="pass")
        assert (other["type"], other["code"]) == ("error", "idempotency_key_reused")
        posted = await table.play(mover, {"action": "draw"}, key=unique)
        assert posted.body["seq"] == first["seq"]
        assert (await anew.command(str(new_id()), **draw))["seq"] > first["seq"]
    moves = "SELECT count(*) FROM game_moves WHERE game_id = $1"
    assert await rows.fetchval(moves, UUID(table.game_id)) == 2


async def test_a_play_over_a_socket_carries_the_request_id_of_the_handshake(
    game: RunningApi,
    http: aiohttp.ClientSession,
    table: CardTable,
    rows: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In whatever context the connection's callback runs: that is the event loop's affair."""
    hub, commands = game.api.services.hub, {}
    serve = hub.serve

    async def noting(*args: Any, **options: Any) -> None:
        commands.update(options["commands"])
        await serve(*args, **options)

    monkeypatch.setattr(hub, "serve", noting)
    mover, _ = await table.next_to_move()
    headers = mover.authorization | {"x-request-id": "the-handshake"}
    async with http.ws_connect(f"{game.public._base}{table.path}/ws", headers=headers) as socket:
        assert (await socket.receive_json())["type"] == "welcome"
        for message in ({"type": "play", "action": "draw"}, {"type": "forfeit"}):
            doing = commands[message["type"]](message)
            done = await asyncio.get_running_loop().create_task(doing, context=Context())
            carried = await rows.fetchval(
                "SELECT request_id FROM outbox WHERE key = $1 AND type = 'game.advanced'"
                " AND (data::json ->> 'seq')::int = $2",
                table.game_id,
                done["seq"],
            )
            assert carried == "the-handshake"


async def test_a_refused_command_does_not_use_up_its_id(at: Open, table: CardTable) -> None:
    mover, _ = await table.next_to_move()
    async with at(mover) as mine:
        refused = await mine.command("1", type="play", action="pass")
        assert refused["code"] == "illegal_play"
        assert (await mine.command("1", type="play", action="draw"))["type"] == "ack"


async def test_commands_without_an_id_are_all_done(
    at: Open, table: CardTable, rows: asyncpg.Connection
) -> None:
    mover, _ = await table.next_to_move()
    async with at(mover) as mine:
        await mine.welcomed()
        for _ in range(2):
            await mine._socket.send_json({"type": "play", "action": "draw"})
        await mine.until(lambda: len(mine.answers) == 2)
    moves = "SELECT count(*) FROM game_moves WHERE game_id = $1"
    assert await rows.fetchval(moves, UUID(table.game_id)) == 2


async def test_a_resume_misses_nothing_and_repeats_nothing(at: Open, table: CardTable) -> None:
    rng = random.Random(3)
    ada, bob = table.players
    async with at(bob) as all_along:
        await all_along.welcomed()
        async with at(ada) as before:
            await before.welcomed()
            await table.play_out(rng, moves=4)
            await before.until(lambda: len(before.events) >= 4)
        known, epoch = before.seq, before.welcome["epoch"]
        await table.play_out(rng, moves=4)
        async with at(ada, epoch=epoch, since=known) as after:
            await after.welcomed()  # so that all who come and go have done so before the last event
            await table.play_out(rng, moves=3)
            last = (await table.get(ada))["seq"]
            await after.reached(last)
            await all_along.reached(last)
            assert after.welcome["recovered"] is True
            assert "snapshot" not in after.welcome
            assert after.welcome["replayed"] == after.welcome["seq"] - known
            assert [frame["seq"] for frame in after.events] == list(range(known + 1, last + 1))
            seqs = [frame["seq"] for frame in all_along.events]
            assert seqs == list(range(all_along.welcome["seq"] + 1, last + 1))
            heard = list(after.events)  # its own end, which it may hear as well, is not in question
        for frame in heard:
            shared = next(one for one in all_along.events if one["seq"] == frame["seq"])
            assert shared["at"] == frame["at"]
            assert shared["event"]["type"] == frame["event"]["type"]


async def test_what_cannot_be_resumed_is_answered_by_a_snapshot(at: Open, table: CardTable) -> None:
    ada = table.players[0]
    epoch = (await table.get(ada))["epoch"]
    for query in ({"since": 1}, {"epoch": "another", "since": 1}, {"epoch": epoch, "since": 999}):
        async with at(ada, **query) as socket:
            await socket.welcomed()
            assert socket.welcome["recovered"] is False
            assert socket.welcome["snapshot"]["your_hand"]
    async with at(ada, epoch=epoch, since=-1) as socket:
        assert await socket.closed() == 1008


async def test_a_reconnect_token_lets_its_player_in_once(
    at: Open, table: CardTable, http: aiohttp.ClientSession, rows: asyncpg.Connection
) -> None:
    ada = table.players[0]
    issued = await table.get(ada, "/reconnect-token")
    view = await table.get(ada)
    assert (issued["epoch"], issued["seq"], issued["game_id"]) == (
        view["epoch"],
        view["seq"],
        table.game_id,
    )
    assert not await rows.fetchval(
        "SELECT count(*) FROM reconnect_tokens WHERE token_hash = $1", issued["token"]
    )
    async with http.ws_connect(issued["ws_url"]) as socket:
        welcome = await socket.receive_json()
        assert welcome["snapshot"]["your_hand"] == view["your_hand"]
    async with at(None, token=issued["token"]) as again:
        assert await again.closed() == 4401


async def test_a_reconnect_token_is_for_one_game_one_player_and_a_minute(
    at: Open, game: RunningApi, table: CardTable, rows: asyncpg.Connection
) -> None:
    ada, bob = table.players
    other = await sit_down(game.public, [ada, bob], "crazy_eights")
    token = await token_of(table, ada)
    async with at(None, other.game_id, token=token) as elsewhere:
        assert await elsewhere.closed() == 4401
    async with at(bob, token=token) as stolen:
        assert await stolen.closed() == 4401
    async with at(ada, token=token) as mine:
        await mine.welcomed()
    late = await token_of(table, ada)
    await rows.execute("UPDATE reconnect_tokens SET expires_at = now() WHERE user_id = $1", ada.id)
    async with at(None, token=late) as expired:
        assert await expired.closed() == 4401


async def entered(socket: Seat) -> bool:
    """Whether the socket was let in or closed, once that is decided."""
    await socket.until(lambda: bool(socket.welcome) or socket.close_code is not None)
    return bool(socket.welcome)


async def test_of_two_sockets_with_one_token_one_gets_in(at: Open, table: CardTable) -> None:
    token = await token_of(table, table.players[0])
    async with at(None, token=token) as first, at(None, token=token) as second:
        outcomes = [await entered(socket) for socket in (first, second)]
        assert sorted(outcomes) == [False, True]


async def test_others_are_told_who_comes_and_goes(
    at: Open, table: CardTable, rows: asyncpg.Connection
) -> None:
    ada, bob = table.players

    def told(socket: Seat) -> list[tuple[str, str]]:
        return [(frame["event"]["type"], frame["event"]["user_id"]) for frame in socket.events]

    async with at(bob) as socket:
        await socket.welcomed()
        async with at(ada), at(ada) as second:
            await socket.until(lambda: told(socket) == [("player.connected", str(ada.id))])
            await second.welcomed()
        came_and_went = [("player.connected", str(ada.id)), ("player.disconnected", str(ada.id))]
        await socket.until(lambda: told(socket) == came_and_went)
        view = await table.get(bob)
        assert [one["connected"] for one in view["players"]] == [False, True]
    held = "SELECT count(*) FROM game_connections WHERE game_id = $1 AND user_id = $2"
    assert await rows.fetchval(held, UUID(table.game_id), ada.id) == 0


async def test_presence_does_not_make_a_play_stale(at: Open, table: CardTable) -> None:
    mover, view = await table.next_to_move()
    async with at(table.players[0]) as one, at(table.players[1]) as two:
        await one.welcomed()
        await two.welcomed()
        reply = await table.play(mover, {"action": "draw", "expected_seq": view["seq"]})
        assert reply.status == 200
        assert reply.body["seq"] > view["seq"] + 2


async def test_a_whole_game_is_played_over_sockets(at: Open, table: CardTable) -> None:
    rng = random.Random(11)
    async with at(table.players[0]) as one, at(table.players[1]) as two:
        await one.welcomed()
        await two.welcomed()
        sockets = {str(table.players[0].id): one, str(table.players[1].id): two}
        legal = (await table.next_to_move())[1]["legal_plays"]
        turn = (await table.get(table.players[0]))["turn"]
        for number in range(2000):
            socket = sockets[turn]
            ack = await socket.command(f"{number}", type="play", **choose(rng, legal))
            assert ack["type"] == "ack", ack
            await socket.reached(ack["seq"])
            last = socket.events[-1]["event"]
            if last["type"] == "game.finished":
                break
            turn = last["user_id"]
            mover = sockets[turn]
            await mover.reached(ack["seq"])
            legal = mover.events[-1]["event"]["legal_plays"]
        board = await table.get(table.players[0], "/scoreboard")
        assert board["status"] == "finished"
        assert board["winner_ids"] == last["winner_ids"]
        assert [player["score"] for player in board["players"]] == last["scores"]
        for socket in (one, two):
            seqs = [frame["seq"] for frame in socket.events]
            assert seqs == list(range(socket.welcome["seq"] + 1, seqs[-1] + 1))
