"""Bots are known by their ids, which are the same everywhere."""

from uuid import UUID

import pytest
from parlor_game import events
from parlor_game.bots import LEVELS, MOST, Level, bot_id, level_of, seated
from parlor_game.table import Table
from parlor_kit.ids import new_id
from parlor_rules.bots import strategy
from parlor_rules.catalog import GAMES


def test_the_id_of_a_bot_never_changes() -> None:
    assert bot_id("easy", 1) == UUID("3cb15fff-8037-5310-ab2b-802b0ced0d25")
    assert bot_id("good", 1) == UUID("e20e1347-eb71-5192-bdf0-16118e5c287f")


def test_a_bot_is_known_by_its_id_and_nobody_else_is_one() -> None:
    for level in LEVELS:
        assert {level_of(bot_id(level, number)) for number in range(1, MOST + 1)} == {level}
    assert level_of(new_id()) is None


def test_bots_at_one_table_are_different_whatever_their_levels() -> None:
    seats = seated(["good", "easy", "good", "good"])
    assert len(set(seats)) == 4
    assert [level_of(seat) for seat in seats] == ["good", "easy", "good", "good"]
    assert seated(["good"]) == seats[:1]


def test_a_view_marks_the_bots() -> None:
    game = GAMES["crazy_eights"]
    players = (new_id(), *seated(["easy", "good"]))
    table = Table(new_id(), game, "e1", players, game.deal(b"a seed", 3, {}))
    marks = [player["bot"] for player in table.view(0, 2, (True,) * 3)["players"]]
    assert marks == [None, "easy", "good"]


def test_events_say_which_players_have_no_account_only_where_there_are_any() -> None:
    ann, ben = new_id(), new_id()
    (bot,) = seated(["easy"])
    started = events.started(new_id(), new_id(), "crazy_eights", [ann, bot])
    assert started.data["bot_ids"] == [str(bot)]
    assert "bot_ids" not in events.started(new_id(), new_id(), "crazy_eights", [ann, ben]).data
    ended = events.finished_data(new_id(), "hearts", "finished", [ann, bot], [ann], [1, 2])
    assert ended["bot_ids"] == [str(bot)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("game", GAMES)
def test_every_game_has_a_strategy_of_every_level(game: str, level: Level) -> None:
    assert callable(strategy(game, level))
