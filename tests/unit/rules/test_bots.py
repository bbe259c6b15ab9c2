"""The practice partners: legal whatever the table, blind to what they may not see, and worth it.

How well `good` plays in more games than fit into a test, `bench/bots.py` reports.
"""

import random

import pytest
from factories.card_games import options_of, with_hidden_cards_moved
from factories.random_play import play_out, seed_of
from hypothesis import given, settings
from hypothesis import strategies as st
from parlor_rules.bots import GOOD, Level, strategy
from parlor_rules.bots.contest import Contest, contest
from parlor_rules.catalog import GAMES
from parlor_rules.protocol import Play

TABLES = [
    pytest.param(name, seats, id=f"{name}-{seats}")
    for name, game in GAMES.items()
    for seats in game.seats
]


@pytest.mark.parametrize("level", ["easy", "good"])
@pytest.mark.parametrize(("name", "seats"), TABLES)
@given(number=st.integers(0, 2**32), options=st.data())
@settings(max_examples=6, deadline=None, derandomize=True)
def test_a_bot_finds_a_legal_play_at_every_table_and_needs_no_hidden_card(
    name: str, seats: int, level: Level, number: int, options: st.DataObject
) -> None:
    game, choose, rng = GAMES[name], strategy(name, level), random.Random(number)
    chosen = options.draw(options_of(name, matches=False))
    for step in play_out(game, game.deal(seed_of(number), seats, chosen), number):
        if rng.random() < 0.5:
            continue
        legal = game.legal_plays(step.before, step.seat)
        play = choose(game.view(step.before, step.seat), legal, b"chance")
        assert play in legal
        moved = with_hidden_cards_moved(step.before, step.seat, rng)
        assert choose(game.view(moved, step.seat), legal, b"chance") == play


@pytest.mark.parametrize("name", GOOD)
def test_good_beats_easy_by_more_than_luck(name: str) -> None:
    game = GAMES[name]
    result = contest(name, max(seats for seats in game.seats if seats % 2 == 0), 60)
    low, _ = result.interval
    assert low > 0.5, result


def test_an_easy_bot_may_make_any_legal_play() -> None:
    game = GAMES["crazy_eights"]
    state = game.deal(seed_of(1), 2, {})
    seat = game.turn(state)
    assert seat is not None
    legal, view = game.legal_plays(state, seat), game.view(state, seat)
    made: set[Play] = {
        strategy("crazy_eights", "easy")(view, legal, b"%d" % number) for number in range(100)
    }
    assert made == set(legal)


def test_the_interval_of_a_contest_is_wilsons() -> None:
    low, high = Contest(won=60, drawn=7, lost=40).interval
    assert (round(low, 4), round(high, 4)) == (0.5020, 0.6906)
    assert Contest(won=50, drawn=0, lost=50).interval[0] < 0.5
