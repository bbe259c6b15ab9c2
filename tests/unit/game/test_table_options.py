"""Options of the table are told apart from the game's, and every violation is named."""

from datetime import timedelta

import pytest
from parlor_game import table_options
from parlor_game.table_options import TableOptions
from parlor_rules.protocol import InvalidOptions


def test_what_is_not_given_has_its_default() -> None:
    assert table_options.read({}) == TableOptions(None, 0, False)
    assert table_options.read({"turn_seconds": None, "spectators": None}) == TableOptions()


def test_the_rules_see_only_the_options_of_the_game() -> None:
    raw = {"turn_seconds": 30, "reserve_seconds": 60, "spectators": True, "special_cards": False}
    assert table_options.read(raw) == TableOptions(30, 60, True)
    assert table_options.for_rules(raw) == {"special_cards": False}


def test_what_is_stored_is_read_again() -> None:
    chosen = TableOptions(5, 3600, True)
    assert table_options.stored(chosen.stored() | {"special_cards": True}) == chosen
    assert table_options.stored({"special_cards": True}) == TableOptions()
    assert table_options.read(TableOptions().stored()) == TableOptions()


@pytest.mark.parametrize("seconds", [5, 86_400])
def test_a_turn_may_be_as_short_and_as_long_as_promised(seconds: int) -> None:
    assert table_options.read({"turn_seconds": seconds}).turn_seconds == seconds


def test_every_violation_is_named() -> None:
    with pytest.raises(InvalidOptions) as refused:
        table_options.read({"turn_seconds": 4, "reserve_seconds": 3601, "spectators": 1, "x": 1})
    assert [name for name, _ in refused.value.errors] == [
        "options.reserve_seconds",
        "options.spectators",
        "options.turn_seconds",
    ]


@pytest.mark.parametrize("value", [True, 30.0, "30", [], 86_401, -1])
def test_a_turn_is_a_whole_number_of_seconds(value: object) -> None:
    with pytest.raises(InvalidOptions):
        table_options.read({"turn_seconds": value})


def test_a_reserve_needs_a_turn_clock() -> None:
    with pytest.raises(InvalidOptions):
        table_options.read({"reserve_seconds": 10})
    assert table_options.read({"reserve_seconds": 0}) == TableOptions()


def test_how_long_a_table_may_lie_idle_is_the_platforms_to_say() -> None:
    with pytest.raises(InvalidOptions) as refused:
        table_options.read({"idle_seconds": 5})
    assert dict(refused.value.errors) == {"options.idle_seconds": "is the platform's to say"}
    rules, days = {"special_cards": True}, timedelta(days=3)
    untimed = table_options.dealt(rules | TableOptions().stored(), days)
    assert untimed["idle_seconds"] == 3 * 86_400
    assert table_options.for_rules(untimed) == rules
    assert table_options.stored(untimed) == TableOptions()
    timed = TableOptions(turn_seconds=30).stored()
    assert table_options.dealt(timed, days) == timed
