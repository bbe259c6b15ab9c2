"""Spades in step with OpenSpiel: the same legal plays and hands at every turn, the same scores.

Chance in OpenSpiel is fed with what our seed decided; its player 0 is our first to act.
`PARLOR_ORACLE_GAMES` sets how many games are played in all, over this file and its sisters.
"""

import os
import random
from dataclasses import replace
from typing import Any

import pyspiel
import pytest
from factories.random_play import seed_of
from parlor_rules.cards import DECK, RANKS, SUITS, sort_cards
from parlor_rules.match import Match
from parlor_rules.protocol import Play
from parlor_rules.spades import WORST_SCORE, Spades, SpadesState

GAMES = int(os.environ.get("PARLOR_ORACLE_GAMES", "1800"))
GAMES_A_TABLE = max(1, GAMES // 18)

BIDS = 52

SPADES = Spades()


def number_of(card: str) -> int:
    return 13 * SUITS.index(card[1]) + RANKS.index(card[0])


def action_of(play: Play) -> int:
    return number_of(play.card) if play.card is not None else BIDS + (play.bid or 0)


class Oracle:
    """OpenSpiel's table, dealt as ours was."""

    def __init__(self, state: SpadesState) -> None:
        self.first = state.turn
        # The bonus is for the end of a whole game: its thresholds are no part of a deal.
        self.state = pyspiel.load_game("spades", {"win_or_loss_bonus": 0}).new_initial_state()
        self.state.set_current_scores([state.totals[self.seat(side)] for side in (0, 1)])
        for place in range(13):
            for player in range(4):
                self.state.apply_action(number_of(state.hands[self.seat(player)][place]))

    def seat(self, player: int) -> int:
        """Our number of OpenSpiel's player."""
        return (self.first + player) % 4

    def assert_same_position(self, state: SpadesState) -> None:
        assert SPADES.finished(state) == self.state.is_terminal()
        if not self.state.is_terminal():
            assert self.seat(self.state.current_player()) == state.turn
        for player in range(4):
            seat = self.seat(player)
            plays = SPADES.legal_plays(state, seat)
            legal = [] if self.state.is_terminal() else self.state.legal_actions(player)
            assert [action_of(play) for play in plays] == legal
            held = self.state.private_observation_tensor(player)
            assert {number_of(card) for card in state.hands[seat]} == {
                number for number in range(52) if held[number]
            }

    def scores(self) -> tuple[int, ...]:
        returns = self.state.returns()
        return tuple(int(returns[(seat - self.first) % 4]) for seat in range(4))


def choice(legal: tuple[Play, ...], rng: random.Random, table: str) -> Play:
    """Random seats overbid; modest ones bid little, and so make their bids and gather bags."""
    if table == "modest" and legal[0].action == "bid":
        return legal[min(rng.choice((0, 0, 1, 2, 3)), len(legal) - 1)]
    return rng.choice(legal)


def follow(state: SpadesState, number: int, table: str) -> SpadesState:
    oracle, rng = Oracle(state), random.Random(number)
    oracle.assert_same_position(state)
    while not SPADES.finished(state):
        play = choice(SPADES.legal_plays(state, state.turn), rng, table)
        oracle.state.apply_action(action_of(play))
        state = SPADES.apply(state, state.turn, play).state
        oracle.assert_same_position(state)
    assert SPADES.score(state).scores == oracle.scores()
    return state


@pytest.mark.parametrize("table", ["random", "modest"])
def test_plays_and_scores_as_openspiel(table: str) -> None:
    ended = [
        follow(SPADES.deal(seed_of(number), 4, {}), number, table)
        for number in range(2 * GAMES_A_TABLE)
    ]
    if GAMES_A_TABLE >= 50:
        assert {state.dealer for state in ended} == {0, 1, 2, 3}
        bids = {bid for state in ended for bid in state.bids}
        assert bids == set(range(14) if table == "random" else range(4))


def test_totals_of_a_match_count_bags_as_openspiel() -> None:
    rng, penalties = random.Random(1), 0
    for number in range(GAMES_A_TABLE):
        ours, theirs = rng.randint(-400, 500), rng.randint(-400, 500)
        dealt = SPADES.deal(seed_of(number), 4, {})
        ended = follow(replace(dealt, totals=(ours, theirs, ours, theirs)), number, "modest")
        alone = replace(ended, totals=(0, 0, 0, 0))
        penalties += SPADES.score(ended).scores < SPADES.score(alone).scores
    if GAMES_A_TABLE >= 50:
        assert penalties > 10


def test_a_match_deals_on_with_its_totals_and_the_next_dealer() -> None:
    match, rng = Match(SPADES), random.Random(2)
    state = match.deal(seed_of(3), 4, {"target_score": 500})
    dealt: list[SpadesState] = [state.deal]
    while (seat := match.turn(state)) is not None:
        before = state
        play = choice(match.legal_plays(state, seat), rng, "modest")
        state = match.apply(state, seat, play).state
        if len(state.rounds) > len(before.rounds):
            dealt.append(state.deal)
            assert state.deal.totals == state.totals
    assert len(dealt) > 2
    assert [deal.dealer for deal in dealt] == [
        (dealt[0].dealer + number) % 4 for number in range(len(dealt))
    ]


def test_spades_that_lie_apart_are_led_last() -> None:
    """One seat holds all spades: it may lead them from the first, the others never."""
    for number in range(max(1, GAMES_A_TABLE // 4)):
        dealt = SPADES.deal(seed_of(number), 4, {})
        suits = random.Random(number).sample(SUITS, 4)
        hands = tuple(sort_cards(card for card in DECK if card[1] == suit) for suit in suits)
        follow(replace(dealt, hands=hands), number, "random")


def test_with_the_usual_rule_a_played_spade_lets_others_be_led() -> None:
    hands: Any = (("2C", "AS"), ("3C", "4C"), ("2S", "3S"), ("5C", "6C"))
    for usual in (True, False):
        state = replace(
            SPADES.deal(seed_of(1), 4, {"break_spades": usual}),
            hands=hands,
            bids=(1, 1, 1, 1),
            turn=3,
        )
        for card in ("5C", "2C", "3C", "2S"):
            assert not state.may_lead_spades
            state = SPADES.apply(state, state.turn, Play("play", card)).state
        assert state.turn == 2
        assert state.may_lead_spades == usual
        led = replace(state, hands=(*hands[:2], ("9D", "3S"), hands[3]))
        plays = [play.card for play in SPADES.legal_plays(led, 2)]
        assert plays == (["9D", "3S"] if usual else ["9D"])


def test_a_forfeit_costs_the_side_the_worst_score_of_a_deal() -> None:
    result = SPADES.score(SPADES.forfeit(SPADES.deal(seed_of(1), 4, {}), 3).state)
    assert result.scores == (0, WORST_SCORE, 0, WORST_SCORE)
    assert result.winners == (0, 2)
    assert result.ranks == (1, 3, 1, 4)


def test_its_option_is_the_one_rule_that_openspiel_lacks() -> None:
    # OpenSpiel's own parameters are about whole games and observations, none about a deal.
    assert SPADES.options({}) == {"break_spades": False}
