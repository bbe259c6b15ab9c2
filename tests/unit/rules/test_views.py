"""Nobody sees a card that their seat may not see, in a view or in an event.

Two independent proofs: a walk over everything a seat is shown, looking for hidden cards; and
blindness itself: when the hidden cards change places, what the seat is shown stays the same.
"""

import random
import re
from dataclasses import replace
from typing import Any

import pytest
from factories.random_play import play_out, seed_of
from hypothesis import given, settings
from hypothesis import strategies as st
from parlor_rules.cards import sort_cards
from parlor_rules.catalog import GAMES
from parlor_rules.crazy_eights import CrazyEightsState

CARD = re.compile(r"(?<![0-9A-Za-z])[2-9TJQKA][CDHS](?![0-9A-Za-z])")

TABLES = [
    pytest.param(name, seats, id=f"{name}-{seats}")
    for name, game in GAMES.items()
    for seats in game.seats
]

numbers = st.integers(0, 2**32)


def cards_in(shown: object) -> set[str]:
    return set(CARD.findall(repr(shown)))


def in_flight(state: Any) -> list[tuple[str, ...]]:
    """Cards that left a hand in Hearts and have not arrived yet, by the seat that gave them."""
    return list(state.passed) if getattr(state, "passing", False) else []


def hidden_from(state: Any, seat: int | None) -> set[str]:
    """Every card that lies face down for this seat."""
    hands = {card for owner, hand in enumerate(state.hands) if owner != seat for card in hand}
    flying = {
        card for giver, cards in enumerate(in_flight(state)) if giver != seat for card in cards
    }
    return hands | flying | set(getattr(state, "stock", ()))


def remembered(state: Any, seat: int | None) -> set[str]:
    """What the seat itself gave away in Hearts: it knows who has it."""
    passed = getattr(state, "passed", None)
    return set() if passed is None or seat is None else set(passed[seat])


@pytest.mark.parametrize(("name", "seats"), TABLES)
@given(number=numbers, options=st.data())
@settings(max_examples=12, deadline=None, derandomize=True)
def test_no_view_and_no_event_shows_a_hidden_card(
    name: str, seats: int, number: int, options: st.DataObject
) -> None:
    game = GAMES[name]
    chosen = {option: options.draw(st.booleans()) for option in game.options({})}
    state = game.deal(seed_of(number), seats, chosen)
    outcomes = [step.outcome for step in play_out(game, state, number, table="eager")]
    shown = [(outcome.state, outcome.events) for outcome in outcomes]
    for after, events in [(state, game.opening(state)), *shown]:
        for seat in (*range(seats), None):
            seen = cards_in(game.view(after, seat)) | cards_in(
                [event.seen_from(seat) for event in events]
            )
            assert not seen & (hidden_from(after, seat) - remembered(after, seat))


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
        for seat in range(seats):
            view = game.view(after, seat)
            assert view["your_hand"] == list(after.hands[seat])
            assert view["hand_sizes"] == [len(hand) for hand in after.hands]


def with_hidden_cards_moved(state: Any, seat: int, rng: random.Random) -> Any:
    """The same table, as far as this seat can know: only face-down cards have changed places."""
    others = [owner for owner in range(len(state.hands)) if owner != seat]
    piles = [state.hands[owner] for owner in others]
    crazy_eights = isinstance(state, CrazyEightsState)
    piles += [state.stock] if crazy_eights else [state.passed[owner] for owner in others]
    hidden = [card for pile in piles for card in pile]
    rng.shuffle(hidden)
    moved = [tuple(hidden.pop() for _ in pile) for pile in piles]
    hands = list(state.hands)
    for owner, pile in zip(others, moved, strict=False):
        hands[owner] = sort_cards(pile)
    if crazy_eights:
        seed = rng.randbytes(32)
        return replace(state, hands=tuple(hands), stock=moved[-1], seed=seed)
    passed = list(state.passed)
    for owner, pile in zip(others, moved[len(others) :], strict=True):
        passed[owner] = pile
    return replace(state, hands=tuple(hands), passed=tuple(passed))


def may_move_hidden_cards(state: Any) -> bool:
    """After the exchange in Hearts a seat knows cards of others, so not all places are equal."""
    return isinstance(state, CrazyEightsState) or state.passing or state.direction == 0


@pytest.mark.parametrize(("name", "seats"), TABLES)
@given(number=numbers, seat=st.integers(0, 4))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_a_view_does_not_depend_on_hidden_cards(
    name: str, seats: int, number: int, seat: int
) -> None:
    game = GAMES[name]
    rng = random.Random(number)
    seat %= seats
    state = game.deal(seed_of(number), seats, {})
    for step in play_out(game, state, number, table="eager"):
        after = step.outcome.state
        if may_move_hidden_cards(after) and not game.finished(after):
            assert game.view(with_hidden_cards_moved(after, seat, rng), seat) == game.view(
                after, seat
            )


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_no_secret_of_a_state_gets_into_its_text(name: str, seats: int) -> None:
    seed = seed_of(6)
    text = repr(GAMES[name].deal(seed, seats, {}))
    assert not cards_in(text) & hidden_from(GAMES[name].deal(seed, seats, {}), None)
    assert repr(seed) not in text
