"""Who follows only the events of a game knows as much as who asks for the view: no more, no less.

The view itself is checked in test_views.py.
"""

import json
from itertools import islice
from typing import Any

import pytest
from factories.card_games import moves_worth_watching, options_of
from factories.random_play import play_out, seed_of
from factories.table_follower import Follower
from hypothesis import given, settings
from hypothesis import strategies as st
from parlor_rules.catalog import GAMES
from parlor_rules.protocol import AnyGame, Event

TABLES = [
    pytest.param(name, seats, id=f"{name}-{seats}")
    for name, game in GAMES.items()
    for seats in game.seats
]


def over_the_wire(event: Event, seat: int | None) -> dict[str, Any]:
    wire: dict[str, Any] = json.loads(json.dumps(event.seen_from(seat)))
    return wire


class Audience:
    """A follower for every seat, and one who only watches."""

    def __init__(self, game: AnyGame, state: Any, seats: int) -> None:
        self.game = game
        self.followers = [Follower(seat) for seat in (*range(seats), None)]
        self.hear(game.opening(state), state)

    def hear(self, events: tuple[Event, ...], state: Any) -> None:
        for follower in self.followers:
            for event in events:
                follower.receive(over_the_wire(event, follower.seat))
            assert follower.view == self.game.view(state, follower.seat)


@pytest.mark.parametrize(("name", "seats"), TABLES)
@given(number=st.integers(0, 2**32), options=st.data())
@settings(max_examples=12, deadline=None, derandomize=True)
def test_a_client_of_events_alone_has_the_view_of_its_seat(
    name: str, seats: int, number: int, options: st.DataObject
) -> None:
    game = GAMES[name]
    chosen = options.draw(options_of(name))
    state = game.deal(seed_of(number), seats, chosen)
    audience = Audience(game, state, seats)
    steps = play_out(game, state, number, table="eager")
    for step in islice(steps, moves_worth_watching(chosen)):
        audience.hear(step.outcome.events, step.outcome.state)


@pytest.mark.parametrize("table", ["hoarding", "spoiling"])
@pytest.mark.parametrize("seats", [2, 5])
def test_a_client_of_events_alone_follows_an_exhausted_stock(seats: int, table: str) -> None:
    game = GAMES["crazy_eights"]
    for number in range(10):
        state = game.deal(seed_of(number), seats, {"special_cards": number % 2 == 1})
        audience = Audience(game, state, seats)
        for step in play_out(game, state, number, table=table):
            audience.hear(step.outcome.events, step.outcome.state)


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_a_client_of_events_alone_follows_a_forfeit(name: str, seats: int) -> None:
    game = GAMES[name]
    for number in range(10):
        state = game.deal(seed_of(number), seats, {})
        audience = Audience(game, state, seats)
        for moves, step in enumerate(play_out(game, state, number, table="eager")):
            if moves == 3 * number:
                break
            state = step.outcome.state
            audience.hear(step.outcome.events, state)
        if not game.finished(state):
            outcome = game.forfeit(state, number % seats)
            audience.hear(outcome.events, outcome.state)


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_every_move_ends_in_a_turn_or_in_the_end_of_the_game(name: str, seats: int) -> None:
    game = GAMES[name]
    for number in range(12):
        state = game.deal(seed_of(number), seats, {})
        for step in play_out(game, state, number, table="eager"):
            types = [event.type for event in step.outcome.events]
            after = step.outcome.state
            if game.finished(after):
                assert types[-2:] == ["game.round_scored", "game.finished"]
                assert "game.turn" not in types
            else:
                assert types[-1] == "game.turn"
                assert step.outcome.events[-1].public["seat"] == game.turn(after)
                assert types.count("game.turn") == 1


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_only_the_seat_to_move_learns_its_legal_plays(name: str, seats: int) -> None:
    game = GAMES[name]
    state = game.deal(seed_of(1), seats, {})
    for step in play_out(game, state, 1, table="eager"):
        for event in step.outcome.events:
            assert "legal_plays" not in event.public
            for seat, payload in event.private.items():
                if "legal_plays" in payload:
                    assert seat == game.turn(step.outcome.state)
