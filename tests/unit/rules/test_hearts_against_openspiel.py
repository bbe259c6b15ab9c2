"""Hearts in step with OpenSpiel: the same legal plays at every turn, the same points.

Chance in OpenSpiel is fed with what our seed decided. `PARLOR_ORACLE_GAMES` sets how many games
are played in all, over this file and its sister for Crazy Eights.
"""

import os
import random
from dataclasses import replace
from typing import Any

import pyspiel
from factories.random_play import play_out, seed_of
from parlor_rules.cards import RANKS, SUITS
from parlor_rules.hearts import DEFAULTS, Hearts, HeartsState
from parlor_rules.protocol import Play

GAMES = int(os.environ.get("PARLOR_ORACLE_GAMES", "1800"))
GAMES_A_TABLE = max(1, GAMES // 18)

HEARTS = Hearts()


def number_of(card: str) -> int:
    return 4 * RANKS.index(card[0]) + SUITS.index(card[1])


def action_of(play: Play) -> int:
    return number_of(play.cards[0] if play.card is None else play.card)


def oracle_of(state: HeartsState, options: dict[str, bool]) -> Any:
    """OpenSpiel's table, dealt as ours was."""
    oracle = pyspiel.load_game("hearts", options).new_initial_state()
    oracle.apply_action(state.direction)
    for place in range(13):
        for hand in state.hands:
            oracle.apply_action(number_of(hand[place]))
    return oracle


def assert_same_position(oracle: Any, state: Any) -> None:
    for seat in range(4):
        legal = set() if oracle.is_terminal() else set(oracle.legal_actions(seat))
        assert {action_of(play) for play in HEARTS.legal_plays(state, seat)} == legal
    assert HEARTS.finished(state) == oracle.is_terminal()


def follow(state: HeartsState, number: int, options: dict[str, bool]) -> HeartsState:
    oracle = oracle_of(state, options)
    assert_same_position(oracle, state)
    for step in play_out(HEARTS, state, number):
        oracle.apply_action(action_of(step.play))
        state = step.outcome.state
        assert_same_position(oracle, state)
    points = HEARTS.score(state).scores
    assert [26 - value for value in points] == oracle.returns()
    return state


def random_options(rng: random.Random) -> dict[str, bool]:
    return {name: rng.random() < 0.5 for name in DEFAULTS}


def test_plays_and_scores_as_openspiel() -> None:
    directions = set()
    for number in range(GAMES_A_TABLE):
        directions.add(follow(HEARTS.deal(seed_of(number), 4, {}), number, {}).direction)
    if GAMES_A_TABLE >= 50:
        assert directions == {0, 1, 2, 3}


def test_every_mix_of_options_plays_and_scores_as_openspiel() -> None:
    rng = random.Random(1)
    for number in range(GAMES_A_TABLE):
        options = random_options(rng)
        follow(HEARTS.deal(seed_of(number), 4, options), number, options)


def test_a_shot_moon_scores_as_openspiel() -> None:
    rng = random.Random(2)
    suits = tuple(tuple(rank + suit for rank in RANKS) for suit in SUITS)
    for number in range(20):
        options = {**random_options(rng), "pass_cards": False}
        dealt = replace(HEARTS.deal(seed_of(number), 4, options), hands=suits, turn=0)
        ended = follow(dealt, number, options)
        jack = -10 if options["jd_bonus"] else 0
        assert HEARTS.score(ended).scores == (jack, 26, 26, 26)


def test_its_options_are_openspiels() -> None:
    assert HEARTS.options({}) == pyspiel.load_game("hearts").get_parameters()
