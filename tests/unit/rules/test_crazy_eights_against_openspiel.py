"""Crazy Eights in step with OpenSpiel: the same legal plays at every turn, the same scores.

Chance in OpenSpiel is fed with what our seed decided. `PARLOR_ORACLE_GAMES` sets how many games
are played in all, over this file and its sister for Hearts.
"""

import os
from typing import Any

import pyspiel
import pytest
from factories.random_play import Step, play_out, seed_of
from parlor_rules.cards import RANKS, SUITS
from parlor_rules.crazy_eights import CrazyEights, CrazyEightsState
from parlor_rules.protocol import Play

GAMES = int(os.environ.get("PARLOR_ORACLE_GAMES", "1800"))
GAMES_A_TABLE = max(1, GAMES // 18)

DRAW, PASS, NOMINATE, DEALER = 52, 53, 54, 52

CRAZY_EIGHTS = CrazyEights()


def number_of(card: str) -> int:
    return 4 * RANKS.index(card[0]) + SUITS.index(card[1])


def action_of(play: Play) -> int:
    """OpenSpiel's number of a play; naming a suit is a second action there."""
    if play.card is None:
        return {"draw": DRAW, "pass": PASS}[play.action]
    return number_of(play.card)


class Oracle:
    """OpenSpiel's table, dealt as ours was."""

    def __init__(self, state: CrazyEightsState, special_cards: bool) -> None:
        seats = len(state.hands)
        game = pyspiel.load_game(
            "crazy_eights",
            {
                "players": seats,
                "max_draw_cards": 5,
                "max_turns": 1_000_000_000,
                "reshuffle": True,
                "use_special_cards": special_cards,
            },
        )
        self.state = game.new_initial_state()
        self.state.apply_action(DEALER + state.dealer)
        size = len(state.hands[0])
        for place in range(size):
            for after in range(1, seats + 1):
                self.state.apply_action(
                    number_of(state.hands[(state.dealer + after) % seats][place])
                )
        # An eight that is turned up goes back, as often as it happens; then comes our top card.
        for card in state.stock:
            if card[0] == "8":
                self.state.apply_action(number_of(card))
        self.state.apply_action(number_of(state.top))

    def legal(self, seat: int) -> set[int]:
        if self.state.is_terminal():
            return set()
        assert not self.state.is_chance_node()
        return set(self.state.legal_actions(seat))

    def follow(self, step: Step) -> None:
        self.state.apply_action(action_of(step.play))
        if step.play.action == "draw":
            in_stock = {number_of(card) for card in step.before.stock}
            assert set(self.state.legal_actions()) == in_stock
        for event in step.outcome.events:
            if event.type == "game.card_drawn":
                assert self.state.is_chance_node()
                self.state.apply_action(number_of(event.private[step.seat]["card"]))
        if step.play.suit is not None and not self.state.is_terminal():
            assert self.state.legal_actions() == [
                NOMINATE,
                NOMINATE + 1,
                NOMINATE + 2,
                NOMINATE + 3,
            ]
            self.state.apply_action(NOMINATE + SUITS.index(step.play.suit))


def assert_same_position(oracle: Oracle, state: Any) -> None:
    for seat in range(len(state.hands)):
        plays = CRAZY_EIGHTS.legal_plays(state, seat)
        assert {action_of(play) for play in plays} == oracle.legal(seat)
        suits_of_eights = [play.suit for play in plays if play.card and play.card[0] == "8"]
        eights = sum(card[0] == "8" for card in state.hands[seat])
        assert suits_of_eights in ([], list(SUITS) * eights)
    assert CRAZY_EIGHTS.finished(state) == oracle.state.is_terminal()


def follow(number: int, seats: int, *, special_cards: bool, table: str = "") -> CrazyEightsState:
    state = CRAZY_EIGHTS.deal(seed_of(number), seats, {"special_cards": special_cards})
    oracle = Oracle(state, special_cards)
    assert_same_position(oracle, state)
    for step in play_out(CRAZY_EIGHTS, state, number, table=table):
        oracle.follow(step)
        state = step.outcome.state
        assert_same_position(oracle, state)
    assert list(CRAZY_EIGHTS.score(state).scores) == oracle.state.returns()
    return state


@pytest.mark.parametrize("special_cards", [False, True])
@pytest.mark.parametrize("seats", [2, 3, 4, 5])
def test_plays_and_scores_as_openspiel(seats: int, special_cards: bool) -> None:
    ended = [follow(number, seats, special_cards=special_cards) for number in range(GAMES_A_TABLE)]
    if GAMES_A_TABLE >= 50:
        assert sum(state.reshuffles > 0 for state in ended) >= 5
        assert sum(not all(state.hands) for state in ended) >= 5


@pytest.mark.parametrize("special_cards", [False, True])
@pytest.mark.parametrize("seats", [2, 3, 4, 5])
def test_runs_out_of_cards_as_openspiel(seats: int, special_cards: bool) -> None:
    ended = [
        follow(number, seats, special_cards=special_cards, table="siege")
        for number in range(GAMES_A_TABLE)
    ]
    if GAMES_A_TABLE >= 50:
        assert sum(all(state.hands) for state in ended) >= 5


def test_its_option_is_openspiels() -> None:
    assert CRAZY_EIGHTS.options({}) == {"special_cards": False}
