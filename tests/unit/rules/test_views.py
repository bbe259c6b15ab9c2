"""Nobody sees a card that their seat may not see, in a view or in an event.

Two independent proofs: a walk over everything a seat is shown, looking for hidden cards; and
blindness itself: when the hidden cards change places, what the seat is shown stays the same.
"""

import random
import re
from itertools import islice
from typing import Any

import pytest
from factories.card_games import (
    deal_of,
    hidden_from,
    moves_worth_watching,
    options_of,
    with_hidden_cards_moved,
)
from factories.random_play import Step, play_out, seed_of
from hypothesis import given, settings
from hypothesis import strategies as st
from parlor_rules.catalog import GAMES
from parlor_rules.protocol import Event

CARD = re.compile(r"(?<![0-9A-Za-z])[2-9TJQKA][CDHS](?![0-9A-Za-z])")

TABLES = [
    pytest.param(name, seats, id=f"{name}-{seats}")
    for name, game in GAMES.items()
    for seats in game.seats
]

numbers = st.integers(0, 2**32)


def cards_in(shown: object) -> set[str]:
    return set(CARD.findall(repr(shown)))


def assert_blind(events: tuple[Event, ...], after: Any, seats: int) -> None:
    for seat in (*range(seats), None):
        seen = cards_in([event.seen_from(seat) for event in events])
        assert not seen & hidden_from(after, seat)


def dealt_anew(step: Step) -> bool:
    return bool(step.outcome.state.rounds != step.before.rounds)


@pytest.mark.parametrize(("name", "seats"), TABLES)
@given(number=numbers, options=st.data())
@settings(max_examples=12, deadline=None, derandomize=True)
def test_no_view_and_no_event_shows_a_hidden_card(
    name: str, seats: int, number: int, options: st.DataObject
) -> None:
    game = GAMES[name]
    chosen = options.draw(options_of(name))
    state = game.deal(seed_of(number), seats, chosen)
    assert_blind(game.opening(state), state, seats)
    steps = play_out(game, state, number, table="eager")
    for step in islice(steps, moves_worth_watching(chosen)):
        after, events = step.outcome.state, step.outcome.events
        dealt = [event.type for event in events].index("game.dealt") if dealt_anew(step) else 0
        if dealt:  # what a match tells of the deal that is over is about other hands
            ended = game.game.apply(step.before.deal, step.seat, step.play).state
            assert_blind(events[:dealt], ended, seats)
        assert_blind(events[dealt:], after, seats)
        for seat in (*range(seats), None):
            assert not cards_in(game.view(after, seat)) & hidden_from(after, seat)


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_a_spectator_sees_only_what_lies_open(name: str, seats: int) -> None:
    game = GAMES[name]
    state = game.deal(seed_of(4), seats, {})
    for step in play_out(game, state, 4, table="eager"):
        view = game.view(step.outcome.state, None)
        assert view["your_hand"] == []
        assert view["legal_plays"] == []
        for event in step.outcome.events:
            assert event.seen_from(None) == {"type": event.type, **event.public}


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_a_seat_sees_its_whole_hand_and_every_hand_size(name: str, seats: int) -> None:
    game = GAMES[name]
    state = game.deal(seed_of(5), seats, {})
    for step in play_out(game, state, 5, table="eager"):
        after = step.outcome.state
        hands = deal_of(after).hands
        for seat in range(seats):
            view = game.view(after, seat)
            assert view["your_hand"] == list(hands[seat])
            assert view["hand_sizes"] == [len(hand) for hand in hands]


@pytest.mark.parametrize(("name", "seats"), TABLES)
@given(number=numbers, seat=st.integers(0, 5), options=st.data())
@settings(max_examples=12, deadline=None, derandomize=True)
def test_a_view_does_not_depend_on_hidden_cards(
    name: str, seats: int, number: int, seat: int, options: st.DataObject
) -> None:
    game = GAMES[name]
    rng = random.Random(number)
    looking = seat if seat < seats else None
    chosen = options.draw(options_of(name))
    state = game.deal(seed_of(number), seats, chosen)
    steps = play_out(game, state, number, table="eager")
    for step in islice(steps, moves_worth_watching(chosen)):
        after = step.outcome.state
        if not game.finished(after):
            moved = with_hidden_cards_moved(after, looking, rng)
            assert game.view(moved, looking) == game.view(after, looking)
            if looking is not None and looking == game.turn(after):
                assert game.timeout(moved, looking) == game.timeout(after, looking)


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_no_secret_of_a_state_gets_into_its_text(name: str, seats: int) -> None:
    seed = seed_of(6)
    text = repr(GAMES[name].deal(seed, seats, {}))
    assert not cards_in(text) & hidden_from(GAMES[name].deal(seed, seats, {}), None)
    assert repr(seed) not in text
