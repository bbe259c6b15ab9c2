"""What the sockets of a game say, and take, is what docs/asyncapi.json says."""

import random
from collections.abc import Callable
from typing import Any

import aiohttp
import asyncpg
import pytest
from factories.card_tables import Seat, seat, sit_down
from factories.identity_stand_in import User
from factories.polling import until_true
from factories.running_api import RunningApi
from factories.socket_document import fitted, messages_like
from factories.time_passing import pass_time
from parlor_game.usecases.tick_clocks import TickClocks
from parlor_rules.catalog import GAMES

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]
PLAYER, SPECTATOR = "live_game", "live_watch"


def sent(socket: Seat, name: str) -> set[str]:
    """Every frame of this socket is documented; the messages that there were."""
    return fitted("game", name, "send", [socket.welcome, *socket.events, *socket.answers])


@pytest.mark.parametrize("name", list(GAMES))
async def test_every_frame_of_a_game_is_documented(
    game: RunningApi, people: People, http: aiohttp.ClientSession, name: str
) -> None:
    """A whole deal, listened to by a player, by one who resumes, and by a spectator."""
    table = await sit_down(
        game.public, people(GAMES[name].seats[-1]), name, spectators=True, turn_seconds=600
    )
    ada, base = table.players[0], game.public._base
    made = await game.public.call(
        "POST", f"{table.path}/spectator-token", headers=ada.authorization
    )
    watching = {"authorization": f"Bearer {made.body['token']}"}
    async with (
        seat(http, base, table.game_id, ada) as mine,
        http.ws_connect(f"{base}{table.path}/watch/ws", headers=watching) as connected,
    ):
        friends = Seat(connected)
        await mine.welcomed()
        await friends.welcomed()
        await table.play_out(random.Random(name), moves=150)
        await table.forfeit(table.players[1])
        last = (await table.get(ada))["seq"]
        await mine.reached(last)
        await friends.reached(last)
        epoch = mine.welcome["epoch"]
        async with seat(http, base, table.game_id, ada, epoch=epoch, since=0) as again:
            await again.reached(last)
            for socket, channel in ((mine, PLAYER), (friends, SPECTATOR), (again, PLAYER)):
                assert sent(socket, channel) == {"GameWelcomeFrame", "GameEventFrame"}
            assert "snapshot" not in again.welcome


async def test_who_comes_and_goes_and_clocks_that_stood_still_are_documented(
    game: RunningApi, people: People, http: aiohttp.ClientSession, rows: asyncpg.Connection
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights", turn_seconds=600)
    ada, bob = table.players
    services, base = game.api.services, game.public._base
    async with seat(http, base, table.game_id, ada) as mine:
        await mine.welcomed()
        async with seat(http, base, table.game_id, bob) as his:
            await his.welcomed()

        async def gone() -> bool:
            return bool((await table.get(ada))["players"][1]["reconnect_by"])

        await until_true(gone)
        await pass_time(rows, 9, ticking=False)
        tables = services.read_game._tables
        await TickClocks(services.database, tables, services.hub).tick()
    async with seat(http, base, table.game_id, ada, epoch=mine.welcome["epoch"], since=0) as again:
        await again.reached((await table.get(ada))["seq"])
    kinds = {frame["event"]["type"] for frame in again.events}
    assert {"player.connected", "player.disconnected", "game.clock"} <= kinds
    sent(mine, PLAYER)
    sent(again, PLAYER)
    for event in ({"type": "player.connected", "seat": 0}, {"type": "player.waved", "seat": 0}):
        frame = {"type": "event", "seq": 1, "at": "2026-01-01T00:00:00.000000Z", "event": event}
        assert not messages_like("game", PLAYER, "send", frame)


async def test_commands_and_their_answers_are_documented(
    game: RunningApi, people: People, http: aiohttp.ClientSession
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights")
    mover, view = await table.next_to_move()
    good: list[tuple[dict[str, Any], str]] = [
        ({"type": "ping"}, "ack"),
        ({"type": "play", "action": "pass"}, "error"),
        ({"type": "play", "action": "draw", "expected_seq": 0}, "error"),
        ({"type": "play", **view["legal_plays"][0], "key": "one"}, "ack"),
        ({"type": "forfeit", "key": "two"}, "ack"),
        ({"type": "play", "action": "draw"}, "error"),
    ]
    bad: list[dict[str, Any]] = [
        {"type": "deal"},
        {"type": "ping", "id": 5},
        {"type": "play", "card": 5},
        {"type": "play", "action": "draw", "peek": True},
        {"type": "play", "action": "draw", "key": ""},
        {"type": "forfeit", "card": "7H"},
    ]
    async with seat(http, game.public._base, table.game_id, mover) as socket:
        for number, (message, answer) in enumerate(good):
            assert messages_like("game", PLAYER, "receive", {"id": f"{number}", **message})
            assert (await socket.command(f"{number}", **message))["type"] == answer
        for number, message in enumerate(bad):
            assert not messages_like("game", PLAYER, "receive", message), message
            if "id" not in message:
                refused = await socket.command(f"bad {number}", **message)
                assert refused["code"] == "validation_failed"
        assert sent(socket, PLAYER) >= {"PlayedFrame", "AckFrame", "ErrorFrame"}
