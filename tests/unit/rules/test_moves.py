"""Plays as request bodies, options, numbers of seats: what is refused before any rule is asked."""

from typing import Any

import pytest
from factories.random_play import seed_of
from parlor_rules.catalog import GAMES
from parlor_rules.moves import play_from_body
from parlor_rules.options import Switch, Whole, read_options
from parlor_rules.protocol import InvalidOptions, InvalidSeats, MalformedPlay, Option, Play


@pytest.mark.parametrize(
    ("body", "play"),
    [
        ({"card": "7H"}, Play("play", "7H")),
        ({"action": "play", "card": "7H", "suit": None, "cards": None}, Play("play", "7H")),
        ({"card": "8C", "suit": "S", "expected_seq": 4}, Play("play", "8C", suit="S")),
        ({"action": "draw"}, Play("draw")),
        ({"action": "pass"}, Play("pass")),
        ({"action": "pass_cards", "cards": ["QS"]}, Play("pass_cards", cards=("QS",))),
        ({"action": "take"}, Play("take")),
        ({"action": "discard", "card": "KD"}, Play("discard", "KD")),
        ({"action": "knock"}, Play("knock")),
        ({"action": "meld", "cards": ["AC", "2C", "3C"]}, Play("meld", cards=("AC", "2C", "3C"))),
        ({"action": "lay_off", "card": "4C"}, Play("lay_off", "4C")),
        ({"action": "done"}, Play("done")),
        ({"action": "bid", "bid": 0}, Play("bid", bid=0)),
    ],
)
def test_a_body_names_a_play(body: dict[str, Any], play: Play) -> None:
    assert play_from_body(body) == play


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"cards": ["QS"]}, "action"),
        ({"action": "shout"}, "action"),
        ({"action": 1}, "action"),
        ({"action": "play", "card": 7}, "card"),
        ({"card": "8C", "suit": ["S"]}, "suit"),
        ({"action": "pass_cards", "cards": "QS"}, "cards"),
        ({"action": "pass_cards", "cards": [1]}, "cards"),
        ({"action": "draw", "count": 5}, "count"),
        ({"action": "bid", "bid": "3"}, "bid"),
        ({"action": "bid", "bid": True}, "bid"),
    ],
)
def test_a_body_that_is_no_play_names_the_field(body: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedPlay) as refusal:
        play_from_body(body)
    assert refusal.value.field == field


@pytest.mark.parametrize("name", GAMES)
def test_options_left_out_have_their_defaults(name: str) -> None:
    game = GAMES[name]
    defaults = game.options({})
    assert game.options(defaults) == defaults
    assert game.deal(seed_of(1), game.seats[0], {}) == game.deal(
        seed_of(1), game.seats[0], defaults
    )


@pytest.mark.parametrize("name", GAMES)
def test_every_bad_option_is_named(name: str) -> None:
    game = GAMES[name]
    known = next(iter(game.options({})))
    with pytest.raises(InvalidOptions) as refusal:
        game.options({known: "yes", "no_such_option": True, "target_score": 0})
    assert [field for field, _ in refusal.value.errors] == sorted(
        [f"options.{known}", "options.no_such_option", "options.target_score"]
    )
    errors = dict(refusal.value.errors)
    assert errors["options.no_such_option"] == "unknown option"
    assert errors["options.target_score"] == "must be a whole number from 1 to 10000"
    with pytest.raises(InvalidOptions):
        game.deal(seed_of(1), game.seats[0], {known: None})


def test_a_switch_is_no_number_and_a_number_no_switch() -> None:
    known: dict[str, Option] = {"on": Switch(True), "many": Whole(2, 5, 3), "limit": Whole(0, 9)}
    assert read_options({}, known) == {"on": True, "many": 3}
    assert read_options({"many": 5, "limit": 0, "on": False}, known) == {
        "on": False,
        "many": 5,
        "limit": 0,
    }
    for bad in (True, 2.0, "3", 1, 6, None):
        with pytest.raises(InvalidOptions) as refusal:
            read_options({"many": bad, "on": 1}, known)
        assert refusal.value.errors == (
            ("options.many", "must be a whole number from 2 to 5"),
            ("options.on", "must be true or false"),
        )


@pytest.mark.parametrize("name", GAMES)
def test_a_wrong_number_of_players_is_refused(name: str) -> None:
    game = GAMES[name]
    for seats in (game.seats[0] - 1, game.seats[-1] + 1):
        with pytest.raises(InvalidSeats) as refusal:
            game.deal(seed_of(1), seats, {})
        assert refusal.value.allowed == game.seats


def test_the_catalog_knows_each_game_by_its_own_name() -> None:
    assert {"crazy_eights", "hearts"} <= GAMES.keys()
    assert all(game.name == name for name, game in GAMES.items())
