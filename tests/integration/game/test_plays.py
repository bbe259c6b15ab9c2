"""Plays over HTTP: every refusal of the contract, and that a move counts once and for all."""

import asyncio
import random
from collections.abc import Callable
from uuid import UUID

import asyncpg
import orjson
import pytest
from factories.card_tables import CardTable, choose, sit_down
from factories.identity_stand_in import IdentityStandIn, User
from factories.running_api import RunningApi
from parlor_game.api.schemas import GamePage, PlayedView
from parlor_game.usecases.load_table import STANDING, rebuild
from parlor_kit.ids import new_id
from parlor_rules.catalog import GAMES

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]


async def pair(game: RunningApi, people: People) -> CardTable:
    return await sit_down(game.public, people(2), "crazy_eights")


async def test_nobody_gets_to_a_table_without_a_token(game: RunningApi, people: People) -> None:
    table = await pair(game, people)
    for method, what in (
        ("GET", ""),
        ("POST", "/play"),
        ("POST", "/forfeit"),
        ("GET", "/scoreboard"),
        ("GET", "/reconnect-token"),
    ):
        reply = await game.public.call(method, table.path + what)
        assert (reply.status, reply.code) == (401, "unauthenticated")
    assert (await game.public.call("GET", "/api/v1/games")).status == 401


async def test_outsiders_do_not_learn_that_a_game_exists(
    game: RunningApi, people: People, identity: IdentityStandIn
) -> None:
    table = await pair(game, people)
    (eve,) = people(1)
    for stranger in (eve, identity.user("admin"), identity.user("moderator")):
        for method, what, body in (
            ("GET", "", None),
            ("POST", "/play", {"action": "draw"}),
            ("POST", "/forfeit", None),
            ("GET", "/scoreboard", None),
            ("GET", "/reconnect-token", None),
        ):
            for path in (table.path, f"/api/v1/games/{new_id()}", "/api/v1/games/nothing"):
                reply = await game.public.call(
                    method, path + what, headers=stranger.authorization, json=body
                )
                assert (reply.status, reply.code) == (404, "not_found")
    listed = await game.public.call("GET", "/api/v1/games", headers=eve.authorization)
    assert listed.body == {"items": [], "next_cursor": None}


async def test_every_listed_play_and_no_other_is_accepted(game: RunningApi, people: People) -> None:
    table = await pair(game, people)
    player, view = await table.next_to_move()
    illegal = [
        {"card": "ZZ"},
        {"action": "pass"},
        {"action": "pass_cards", "cards": view["your_hand"][:1]},
        {"action": "play", "card": "8C", "suit": "X"},
    ]
    for body in illegal:
        reply = await table.play(player, body)
        assert (reply.status, reply.code) == (422, "illegal_play")
        assert reply.body["legal_plays"] == view["legal_plays"]
    for body in (
        {},
        {"card": "7H", "expected_seq": 2**70},
        {"suit": "C"},
        {"action": "steal"},
        {"card": 7},
        {"card": "7H", "peek": 1},
    ):
        reply = await table.play(player, body)
        assert (reply.status, reply.code) == (422, "validation_failed")
    reply = await table.play(player, view["legal_plays"][0])
    assert reply.status == 200
    PlayedView.model_validate_json(orjson.dumps(reply.body))
    assert reply.body["seq"] == reply.body["view"]["seq"] > view["seq"]


async def test_only_the_player_whose_turn_it_is_may_play(game: RunningApi, people: People) -> None:
    table = await pair(game, people)
    player, view = await table.next_to_move()
    waiting = next(one for one in table.players if one is not player)
    assert (await table.get(waiting))["legal_plays"] == []
    reply = await table.play(waiting, {"action": "draw"})
    assert (reply.status, reply.code) == (409, "not_your_turn")
    assert (await table.get(player)) == view


async def test_a_play_on_an_old_view_is_refused_with_the_present_one(
    game: RunningApi, people: People
) -> None:
    table = await pair(game, people)
    player, view = await table.next_to_move()
    await table.play(player, {"action": "draw", "expected_seq": view["seq"]})
    for user in table.players:
        reply = await table.play(user, {"action": "draw", "expected_seq": view["seq"]})
        assert (reply.status, reply.code) == (409, "stale_play")
        assert reply.body["view"] == await table.get(user)


async def test_a_play_on_an_old_view_learns_that_the_game_is_over(
    game: RunningApi, people: People
) -> None:
    table = await pair(game, people)
    player, view = await table.next_to_move()
    await table.forfeit(next(one for one in table.players if one is not player))
    late = await table.play(player, view["legal_plays"][0] | {"expected_seq": view["seq"]})
    assert (late.status, late.code) == (409, "stale_play")
    assert late.body["view"] == await table.get(player)
    assert late.body["view"]["status"] == "abandoned"
    again = await table.play(
        player, view["legal_plays"][0] | {"expected_seq": late.body["view"]["seq"]}
    )
    assert (again.status, again.code) == (409, "game_over")


async def test_two_plays_at_once_make_one_move(game: RunningApi, people: People) -> None:
    table = await pair(game, people)
    for _ in range(10):
        player, view = await table.next_to_move()
        body = view["legal_plays"][-1] | {"expected_seq": view["seq"]}
        replies = await asyncio.gather(*(table.play(player, body) for _ in range(6)))
        assert sorted(reply.status for reply in replies) == [200, *[409] * 5]
        assert {reply.code for reply in replies} == {None, "stale_play"}


async def test_the_same_key_twenty_times_at_once_is_one_move(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    table = await pair(game, people)
    player, view = await table.next_to_move()
    body = {"action": "draw", "expected_seq": view["seq"]}
    replies = await asyncio.gather(*(table.play(player, body, key="k") for _ in range(20)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body["seq"] for reply in replies}) == 1
    moves = "SELECT count(*) FROM game_moves WHERE game_id = $1"
    assert await rows.fetchval(moves, UUID(table.game_id)) == 1


async def test_a_known_key_gives_the_first_result_with_the_present_view(
    game: RunningApi, people: People
) -> None:
    table = await pair(game, people)
    player, _ = await table.next_to_move()
    first = await table.play(player, {"action": "draw"}, key="k")
    await table.play(player, {"action": "draw"})
    again = await table.play(player, {"action": "draw"}, key="k")
    assert (again.status, again.body["seq"]) == (200, first.body["seq"])
    assert again.body["view"] == await table.get(player)
    other = await table.play(player, {"action": "pass"}, key="k")
    assert (other.status, other.code) == (409, "idempotency_key_reused")
    opponent = next(one for one in table.players if one is not player)
    reply = await table.play(opponent, {"action": "draw"}, key="k")
    assert reply.code == "not_your_turn"


async def test_a_key_outlives_the_game_and_is_of_one_game_and_player(
    game: RunningApi, people: People
) -> None:
    table = await pair(game, people)
    player, view = await table.next_to_move()
    body = {"action": "draw", "expected_seq": view["seq"]}
    first = await table.play(player, body, key="k")
    await table.forfeit(player)
    again = await table.play(player, body, key="k")
    assert (again.status, again.body["seq"]) == (200, first.body["seq"])
    assert again.body["view"]["status"] == "abandoned"
    other = await sit_down(game.public, table.players, "crazy_eights")
    mover, _ = await other.next_to_move()
    assert (await other.play(mover, {"action": "draw"}, key="k")).status == 200


async def test_a_stale_play_does_not_use_up_its_key(game: RunningApi, people: People) -> None:
    table = await pair(game, people)
    player, view = await table.next_to_move()
    await table.play(player, {"action": "draw"})
    stale = await table.play(player, {"action": "draw", "expected_seq": view["seq"]}, key="k")
    assert stale.code == "stale_play"
    now = stale.body["view"]["seq"]
    assert (
        await table.play(player, {"action": "draw", "expected_seq": now}, key="k")
    ).status == 200


async def test_a_refused_play_does_not_use_up_its_key(game: RunningApi, people: People) -> None:
    table = await pair(game, people)
    player, _ = await table.next_to_move()
    assert (await table.play(player, {"action": "pass"}, key="k")).status == 422
    assert (await table.play(player, {"action": "draw"}, key="k")).status == 200


async def test_giving_up_ends_the_game_for_all(
    game: RunningApi, people: People, rows: asyncpg.Connection
) -> None:
    table = await sit_down(game.public, people(3), "crazy_eights")
    loser = table.players[1]
    reply = await table.forfeit(loser)
    assert (reply.status, reply.body["view"]["status"]) == (200, "abandoned")
    for user in table.players:
        for late in (await table.play(user, {"action": "draw"}), await table.forfeit(user)):
            assert (late.status, late.code) == (409, "game_over")
    board = await table.get(table.players[0], "/scoreboard")
    assert board["status"] == "abandoned"
    assert str(loser.id) not in board["winner_ids"]
    types = await rows.fetch("SELECT type FROM outbox WHERE key = $1 ORDER BY id", table.game_id)
    assert [row["type"] for row in types] == ["game.started", "game.advanced", "game.finished"]


async def test_my_games_are_listed_newest_first_and_by_status(
    game: RunningApi, people: People
) -> None:
    players = people(2)
    tables = [await sit_down(game.public, players, "crazy_eights") for _ in range(3)]
    await tables[1].forfeit(players[0])

    async def listed(query: str) -> list[str]:
        reply = await game.public.call(
            "GET", f"/api/v1/games?{query}", headers=players[1].authorization
        )
        assert reply.status == 200, reply.body
        GamePage.model_validate_json(orjson.dumps(reply.body))
        return [item["game_id"] for item in reply.body["items"]]

    assert await listed("") == [table.game_id for table in reversed(tables)]
    assert await listed("status=active") == [tables[2].game_id, tables[0].game_id]
    assert await listed("status=abandoned") == [tables[1].game_id]
    first = await game.public.call("GET", "/api/v1/games?limit=2", headers=players[1].authorization)
    assert first.body["items"][1]["winner_ids"] == [str(players[1].id)]
    assert await listed(f"limit=2&cursor={first.body['next_cursor']}") == [tables[0].game_id]


@pytest.mark.parametrize("name", list(GAMES))
async def test_the_log_alone_gives_the_state_that_is_played_on(
    game: RunningApi, people: People, rows: asyncpg.Connection, name: str
) -> None:
    table = await sit_down(game.public, people(GAMES[name].seats[-1]), name)
    rng = random.Random(5)
    for _ in range(12):
        await table.play_out(rng, moves=5)
        game_id = UUID(table.game_id)
        live, _ = await game.api.services.read_game.standing(game_id, table.players[0].id)
        row = await rows.fetchrow(STANDING, game_id)
        assert await rebuild(rows, game_id, row) == live.table


async def test_games_played_at_once_do_not_mix(game: RunningApi, people: People) -> None:
    tables = [await pair(game, people) for _ in range(12)]
    rng = random.Random(7)

    async def some_moves(table: CardTable) -> None:
        for _ in range(15):
            player, view = await table.next_to_move()
            reply = await table.play(player, choose(rng, view["legal_plays"]))
            assert reply.status == 200
            if reply.body["view"]["turn"] is None:
                break

    await asyncio.gather(*map(some_moves, tables))
    for table in tables:
        views = [await table.get(player) for player in table.players]
        assert len({view["seq"] for view in views}) == 1
