"""The proof of a game: nothing before the end, then everything, and it holds."""

import json
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest
from factories.card_tables import CardTable, answer, invite, seat, sit_down
from factories.clocked_tables import tick_to_the_end
from factories.identity_stand_in import User
from factories.running_api import RunningApi
from factories.time_passing import pass_time
from parlor_game.api.schemas import Proof
from parlor_game.usecases.tick_clocks import TickClocks
from parlor_kit.ids import new_id
from parlor_rules.catalog import GAMES
from parlor_verify.game import verify_game

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]


async def test_the_secret_stays_one_until_the_game_is_over(
    game: RunningApi, people: People
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights")
    for user in table.players:
        reply = await game.public.call("GET", f"{table.path}/proof", headers=user.authorization)
        assert (reply.status, reply.code) == (409, "game_not_over")
        assert "server_seed" not in reply.body
    await table.forfeit(table.players[0])
    proofs = [await table.get(user, "/proof") for user in table.players]
    assert proofs[0] == proofs[1]
    Proof.model_validate_json(orjson.dumps(proofs[0]))


async def test_only_players_get_a_proof(game: RunningApi, people: People) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights")
    await table.forfeit(table.players[0])
    (eve,) = people(1)
    for path in (table.path, f"/api/v1/games/{new_id()}", "/api/v1/games/nothing"):
        reply = await game.public.call("GET", f"{path}/proof", headers=eve.authorization)
        assert (reply.status, reply.code) == (404, "not_found")
    assert (await game.public.call("GET", f"{table.path}/proof")).status == 401


async def whole_log(table: CardTable, player: User) -> list[dict[str, Any]]:
    """All events of the game as this player's seat received them."""
    found: list[dict[str, Any]] = []
    while True:
        page = await table.get(player, f"/events?limit=200&since={len(found)}")
        found += page["items"]
        if page["next_cursor"] is None:
            return found


@pytest.mark.parametrize("name", list(GAMES))
async def test_the_proof_of_a_game_holds_with_what_its_players_noted(
    game: RunningApi,
    people: People,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    players = people(GAMES[name].seats[-1])
    made = await invite(game.public, players[0], players[1:], name, seed="mine", turn_seconds=600)
    for user in players[1:]:
        dealt = await answer(game.public, user, made.body["id"], "accept", seed=f"{user.id}")
    table = CardTable(game.public, dealt.body["game_id"], players)
    hands = [(await table.get(user))["your_hand"] for user in players]
    noted: list[str] = []
    rng = random.Random(6)
    while await table.play_out(rng, moves=10) == 10:
        noted.append((await table.get(players[-1]))["log_head"])
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(await table.get(players[0], "/proof")))
    heads = [argument for head in noted for argument in ("--head", head)]
    told = tmp_path / "events.json"
    told.write_text(json.dumps(await whole_log(table, players[1])))
    noted_by_seat_1 = ["--events", str(told), "--seat", "1", *heads]
    arguments = [str(file), "--commitment", made.body["commitment"], *noted_by_seat_1]
    assert verify_game(arguments) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  seat")]
    assert [line.split()[3:] for line in shown] == hands


async def test_a_seat_that_was_given_up_is_proven_too(
    game: RunningApi, people: People, tmp_path: Path
) -> None:
    table = await sit_down(game.public, people(3), "crazy_eights")
    await table.play_out(random.Random(8), moves=7)
    await table.forfeit(table.players[2])
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(await table.get(table.players[0], "/proof")))
    assert verify_game([str(file)]) == 0


@pytest.fixture
def clocks(game: RunningApi) -> TickClocks:
    services = game.api.services
    return TickClocks(services.database, services.read_game._tables, services.hub)


@pytest.fixture
def verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[CardTable], Awaitable[tuple[int, list[str]]]]:
    """What the command says of a game that is over."""

    async def verify(table: CardTable) -> tuple[int, list[str]]:
        file = tmp_path / "proof.json"
        file.write_text(json.dumps(await table.get(table.players[0], "/proof")))
        return verify_game([str(file)]), capsys.readouterr().out.splitlines()

    return verify


Verified = Callable[[CardTable], Awaitable[tuple[int, list[str]]]]


async def test_moves_that_the_platform_made_are_proven(
    game: RunningApi,
    people: People,
    http: aiohttp.ClientSession,
    rows: asyncpg.Connection,
    clocks: TickClocks,
    verified: Verified,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = await sit_down(game.public, people(2), "crazy_eights")
    soon = timedelta(milliseconds=1)
    monkeypatch.setattr(game.api.services.answer_invite, "_idle_after", soon)
    idle = await sit_down(game.public, people(2), "crazy_eights")
    await idle.play_out(random.Random(9), moves=3)
    mover, _ = await left.next_to_move()
    async with seat(http, game.public._base, left.game_id, mover) as socket:
        await socket.welcomed()
        other = next(user for user in left.players if user is not mover)
        async with seat(http, game.public._base, left.game_id, other) as watching:
            await watching.welcomed()
            await socket.leave()
            await watching.until(
                lambda: any(
                    frame["event"]["type"] == "player.disconnected" for frame in watching.events
                )
            )
    for seconds, table, by in (
        (120, left, "departure"),
        (0, idle, "clock"),
    ):
        await pass_time(rows, seconds)
        await tick_to_the_end(clocks, table)
        proof = await table.get(table.players[0], "/proof")
        assert (proof["moves"][-1]["by"], proof["result"]["status"]) == (by, "abandoned")
        status, lines = await verified(table)
        assert status == 0, lines


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({"turn_seconds": 30}, 30),
        ({"turn_seconds": 5, "reserve_seconds": 60}, 65),
        ({}, timedelta(days=3).total_seconds()),
    ],
)
async def test_a_clock_that_was_put_forward_shows_in_the_proof(
    game: RunningApi,
    people: People,
    rows: asyncpg.Connection,
    clocks: TickClocks,
    verified: Verified,
    options: dict[str, Any],
    seconds: float,
) -> None:
    table = await sit_down(game.public, people(2), "crazy_eights", **options)
    mover, view = await table.next_to_move()
    await table.play(mover, view["legal_plays"][0])
    await pass_time(rows, seconds)
    await clocks.tick()
    await table.forfeit(mover)
    status, lines = await verified(table)
    assert status == 1
    assert lines[-1].split()[:4] == ["clocks", "VIOLATED", "move", "2,"]


async def test_a_table_with_bots_is_proven_like_every_other(
    game: RunningApi, people: People, verified: Verified
) -> None:
    (ada,) = people(1)
    made = await invite(game.public, ada, [], "hearts", bots=["easy"] * 3, seed="ada")
    table = CardTable(game.public, made.body["game_id"], [ada])
    await table.forfeit(ada)
    assert (await table.get(ada, "/proof"))["seeds"] == ["ada", "", "", ""]
    status, lines = await verified(table)
    assert status == 0, lines
