"""Gin Rummy in step with OpenSpiel: the same legal plays, hands and piles at every turn, the same
scores.

Chance in OpenSpiel is fed with what our seed decided; its player 0 is our first to act.
`PARLOR_ORACLE_GAMES` sets how many games are played in all, over this file and its sisters.
"""

import os
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pyspiel
import pytest
from factories.random_play import Step, seed_of
from parlor_rules.bots import strategy
from parlor_rules.cards import DECK, sort_cards
from parlor_rules.gin_rummy import OPTIONS, GinRummy, GinRummyState
from parlor_rules.melds import LOW_RANKS, deadwood
from parlor_rules.options import Whole
from parlor_rules.protocol import Play

GAMES = int(os.environ.get("PARLOR_ORACLE_GAMES", "1800"))
GAMES_A_TABLE = max(1, GAMES // 36)

TAKE, DRAW, PASS, KNOCK, MELDS = 52, 53, 54, 55, 56
SUITS = "SCDH"

GIN_RUMMY = GinRummy()
UTILS = pyspiel.gin_rummy.GinRummyUtils(13, 4, 10)


def number_of(card: str) -> int:
    return 13 * SUITS.index(card[1]) + LOW_RANKS.index(card[0])


def cards_of(numbers: Any) -> list[str]:
    return list(sort_cards(LOW_RANKS[number % 13] + SUITS[number // 13] for number in numbers))


def action_of(play: Play) -> int:
    match play.action:
        case "take" | "draw" | "knock":
            return {"take": TAKE, "draw": DRAW, "knock": KNOCK}[play.action]
        case "pass" | "done":
            return PASS
        case "meld":
            number: int = UTILS.meld_to_int([number_of(card) for card in play.cards])
            return MELDS + number
    assert play.card is not None
    return number_of(play.card)


class Oracle:
    """OpenSpiel's table, dealt as ours was."""

    def __init__(self, state: GinRummyState) -> None:
        self.first = state.turn
        self.state = pyspiel.load_game("gin_rummy", dict(state.options)).new_initial_state()
        for seat in (self.first, 1 - self.first):
            for card in state.hands[seat]:
                self.state.apply_action(number_of(card))
        assert state.upcard is not None
        self.state.apply_action(number_of(state.upcard))

    def player(self, seat: int) -> int:
        """OpenSpiel's number of our seat; and the other way round."""
        return (seat - self.first) % 2

    def follow(self, step: Step) -> None:
        self.state.apply_action(action_of(step.play))
        if step.play.action == "draw":
            assert set(self.state.legal_actions()) == set(map(number_of, step.before.stock))
            self.state.apply_action(number_of(step.before.stock[0]))

    def assert_same_position(self, state: GinRummyState) -> None:
        assert GIN_RUMMY.finished(state) == self.state.is_terminal()
        for seat in range(2):
            player = self.player(seat)
            legal = [] if self.state.is_terminal() else self.state.legal_actions(player)
            plays = GIN_RUMMY.legal_plays(state, seat)
            assert sorted(map(action_of, plays)) == sorted(legal)
            assert len(set(plays)) == len(plays)
            assert list(state.hands[seat]) == cards_of(self.state.hands()[player])
            assert list(state.known[seat]) == cards_of(self.state.known_cards()[player])
            laid = [cards_of(UTILS.int_to_meld[n]) for n in self.state.layed_melds()[player]]
            assert [list(sort_cards(meld)) for meld in state.melds[seat]] == laid
        upcard = self.state.upcard()
        assert state.upcard == (None if upcard is None else cards_of([upcard])[0])
        assert sorted(state.discards) == sorted(cards_of(self.state.discard_pile()))
        assert sorted(state.laid_off) == sorted(cards_of(self.state.layoffs()))
        assert len(state.stock) == self.state.stock_size()
        assert state.limit == self.state.knock_card()


def choice(state: GinRummyState, rng: random.Random, table: str) -> Play:
    """How the players of a table choose: somehow, as the good bot does, or so as to get nowhere."""
    legal = GIN_RUMMY.legal_plays(state, state.turn)
    if table == "good" and rng.random() < 0.9:
        view = GIN_RUMMY.view(state, state.turn)
        return strategy("gin_rummy", "good")(view, legal, rng.randbytes(8))
    if table == "stubborn":
        back = [play for play in legal if play.card == state.upcard_before]
        takes = [play for play in legal if play.action == "take"]
        liked = [play for play in [*takes, *back] if rng.random() < 0.97]
        return rng.choice(liked or list(legal))
    if table == "takers":
        takes = [play for play in legal if play.action == "take"]
        others = [p for p in legal if p.action == "discard" and p.card != state.upcard_before]
        return rng.choice(takes or others or list(legal))
    knocks = [play for play in legal if play.action == "knock"]
    return rng.choice(knocks if knocks and rng.random() < 0.7 else list(legal))


def follow(state: GinRummyState, number: int, table: str = "") -> GinRummyState:
    oracle, rng = Oracle(state), random.Random(number)
    oracle.assert_same_position(state)
    while not GIN_RUMMY.finished(state):
        seat = state.turn
        play = choice(state, rng, table)
        step = Step(state, seat, play, GIN_RUMMY.apply(state, seat, play))
        oracle.follow(step)
        state = step.outcome.state
        oracle.assert_same_position(state)
    returns = oracle.state.returns()
    assert GIN_RUMMY.score(state).scores == tuple(returns[oracle.player(seat)] for seat in (0, 1))
    return state


def random_options(rng: random.Random) -> dict[str, Any]:
    return {
        name: rng.randint(option.low, option.high)
        if isinstance(option, Whole)
        else rng.random() < 0.5
        for name, option in OPTIONS.items()
    }


@pytest.mark.parametrize("table", ["good", "random", "stubborn", "takers"])
def test_plays_and_scores_as_openspiel(table: str) -> None:
    games = GAMES_A_TABLE if table in ("good", "random") else GAMES_A_TABLE // 4 + 1
    ended = [
        follow(GIN_RUMMY.deal(seed_of(number), 2, {}), number, table) for number in range(games)
    ]
    if GAMES_A_TABLE < 50:
        return
    knocked = sum(state.knocked_by is not None for state in ended)
    assert {state.dealer for state in ended} == {0, 1}
    match table:
        case "good":
            assert knocked > games / 2
            assert any(state.laid_off for state in ended)
        case "random":
            assert any(len(state.stock) == 2 for state in ended)
        case "stubborn":
            assert sum(len(state.stock) > 2 and state.knocked_by is None for state in ended) > 5
        case "takers":
            assert sum(state.takes == 49 and state.knocked_by is None for state in ended) > 5


def test_every_mix_of_options_plays_and_scores_as_openspiel() -> None:
    rng = random.Random(1)
    for number in range(GAMES_A_TABLE):
        options = random_options(rng)
        follow(GIN_RUMMY.deal(seed_of(number), 2, options), number, "good")


def test_hands_full_of_melds_play_and_score_as_openspiel() -> None:
    """Dealt from half a deck, so that arrangements compete and much can be laid off."""
    rng, ends = random.Random(2), Counter[str]()
    for number in range(GAMES_A_TABLE):
        ranks = rng.sample(LOW_RANKS, 3) if number % 2 else LOW_RANKS[rng.randrange(8) :][:6]
        near = [card for card in DECK if card[0] in ranks]
        rng.shuffle(near)
        far = [card for card in DECK if card not in near]
        rng.shuffle(far)
        cards = [*near, *far]
        dealt = replace(
            GIN_RUMMY.deal(seed_of(number), 2, {}),
            hands=(sort_cards(cards[0:20:2]), sort_cards(cards[1:20:2])),
            upcard=cards[20],
            stock=tuple(cards[21:]),
        )
        ended = follow(dealt, number, "good" if number % 3 else "random")
        ends["laid off"] += len(ended.laid_off)
        ends["melds of the other"] += sum(
            len(melds) for seat, melds in enumerate(ended.melds) if seat != ended.knocked_by
        )
    if GAMES_A_TABLE >= 50:
        assert min(ends.values()) > 10


def test_what_is_left_beside_the_melds_is_as_openspiel_counts_it() -> None:
    rng = random.Random(3)
    for _ in range(20 * GAMES_A_TABLE):
        pool = rng.sample(DECK, rng.choice((16, 20, 30)))
        hand = rng.sample(pool, rng.choice((10, 11)))
        assert deadwood(hand) == UTILS.min_deadwood([number_of(card) for card in hand])


def test_its_options_are_openspiels() -> None:
    parameters = pyspiel.load_game("gin_rummy").get_parameters()
    assert {name: parameters[name] for name in OPTIONS} == GIN_RUMMY.options({})
