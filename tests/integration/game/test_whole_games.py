"""Whole games by bots that know no rules: they only choose among `legal_plays`."""

import random
from collections.abc import Callable

import pytest
from factories.card_tables import sit_down
from factories.identity_stand_in import User
from factories.running_api import RunningApi
from parlor_game.api.schemas import GameView, Scoreboard
from parlor_rules.catalog import GAMES

pytestmark = pytest.mark.integration

TABLES = [
    pytest.param(name, seats, id=f"{name}-{seats}")
    for name, game in GAMES.items()
    for seats in game.seats
]


@pytest.mark.parametrize(("name", "seats"), TABLES)
async def test_a_game_is_played_over_http_from_the_invite_to_the_scoreboard(
    game: RunningApi, people: Callable[[int], list[User]], name: str, seats: int
) -> None:
    players = people(seats)
    table = await sit_down(game.public, players, name)

    moves = await table.play_out(random.Random(seats))

    assert moves > seats
    board = await table.get(players[-1], "/scoreboard")
    Scoreboard.model_validate_json(Scoreboard.model_validate(board).model_dump_json())
    assert board["status"] == "finished"
    assert board["winner_ids"]
    assert [player["user_id"] for player in board["players"]] == [str(one.id) for one in players]
    assert len(board["rounds"]) == 1
    for player in board["players"]:
        assert board["rounds"][0]["scores"][player["user_id"]] == player["score"]
        assert (player["rank"] == 1) == (player["user_id"] in board["winner_ids"])
    view = await table.get(players[0])
    GameView.model_validate(view)
    assert (view["turn"], view["legal_plays"], view["status"]) == (None, [], "finished")


async def test_a_match_deals_on_and_its_scoreboard_has_a_row_for_each_deal(
    game: RunningApi, people: Callable[[int], list[User]]
) -> None:
    players, rng = people(2), random.Random(2)
    table = await sit_down(game.public, players, "crazy_eights", target_score=10_000)

    while (await table.get(players[0]))["table"]["match"]["deal"] < 3:
        await table.play_out(rng, moves=5)
    view = await table.get(players[0])
    board = await table.get(players[0], "/scoreboard")
    assert (board["status"], board["winner_ids"]) == ("active", [])
    assert [row["round"] for row in board["rounds"]] == [1, 2]
    assert view["table"]["match"]["totals"] == [player["score"] for player in board["players"]]
    for player in board["players"]:
        assert player["score"] == sum(row["scores"][player["user_id"]] for row in board["rounds"])

    assert (await table.forfeit(players[1])).status == 200
    board = await table.get(players[0], "/scoreboard")
    assert (board["status"], board["winner_ids"]) == ("abandoned", [str(players[0].id)])
    assert len(board["rounds"]) == 3
