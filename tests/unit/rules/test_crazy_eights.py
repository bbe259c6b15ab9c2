"""The rules of Crazy Eights one by one, on small tables laid out by hand.

That they are OpenSpiel's, test_crazy_eights_against_openspiel.py shows.
"""

from typing import Any

import pytest
from factories.random_play import seed_of
from parlor_rules.cards import DECK, sort_cards
from parlor_rules.crazy_eights import CrazyEights, CrazyEightsState
from parlor_rules.protocol import Event, Play

GAME = CrazyEights()
DRAW, PASS = Play("draw"), Play("pass")


def table(
    *hands: str,
    discards: str = "5C 7H",
    stock: str = "2C 3C 4C 6C 9C TC JC",
    special_cards: bool = False,
    **more: Any,
) -> CrazyEightsState:
    """A table whose turn is seat 0's; `suit` is that of the card on top unless given."""
    piled = tuple(discards.split())
    return CrazyEightsState(
        special_cards=special_cards,
        dealer=len(hands) - 1,
        turn=0,
        suit=more.pop("suit", piled[-1][1]),
        discards=piled,
        hands=tuple(sort_cards(hand.split()) for hand in hands),
        stock=tuple(stock.split()),
        seed=b"seed",
        **more,
    )


def legal(state: CrazyEightsState) -> list[dict[str, Any]]:
    return [play.body() for play in GAME.legal_plays(state, state.turn)]


def after(state: CrazyEightsState, *plays: Play) -> CrazyEightsState:
    """The state after these plays, each made by the seat whose turn it is."""
    for play in plays:
        state = GAME.apply(state, state.turn, play).state
    return state


def test_a_card_must_match_the_suit_or_the_rank_on_top() -> None:
    state = table("2H 7S 9D", "KD")
    assert legal(state) == [
        {"action": "play", "card": "2H"},
        {"action": "play", "card": "7S"},
        {"action": "draw"},
    ]


def test_an_eight_can_always_be_played_and_names_one_of_four_suits() -> None:
    state = table("8C 9D", "KD QS")
    eights = [{"action": "play", "card": "8C", "suit": suit} for suit in "CDHS"]
    assert legal(state) == [*eights, {"action": "draw"}]
    named = after(state, Play("play", "8C", suit="S"))
    assert (named.suit, named.top, named.turn) == ("S", "8C", 1)
    assert {"action": "play", "card": "QS"} in legal(named)


def test_after_five_draws_a_seat_must_play_or_pass() -> None:
    state = table("9D", "KD", stock="2C 3C 4C 6C 9C TC JC")
    for _ in range(5):
        assert DRAW in GAME.legal_plays(state, 0)
        assert PASS not in GAME.legal_plays(state, 0)
        state = after(state, DRAW)
    assert state.turn == 0
    assert GAME.legal_plays(state, 0) == (PASS,)
    assert after(state, PASS).turn == 1
    assert DRAW in GAME.legal_plays(after(state, PASS), 1)


def test_the_discards_become_the_stock_when_its_last_card_is_drawn() -> None:
    outcome = GAME.apply(table("9D", "KD", discards="5C 6S 7S 7H", stock="2C"), 0, DRAW)
    assert sorted(outcome.state.stock) == ["5C", "6S", "7S"]
    assert outcome.state.discards == ("7H",)
    assert [event.type for event in outcome.events] == [
        "game.card_drawn",
        "game.stock_reshuffled",
        "game.turn",
    ]


def test_passing_ends_the_game_after_one_pass_more_than_there_are_seats() -> None:
    state = table("9D", "KD", "QC", discards="7H", stock="2C")
    state = after(state, DRAW)
    assert state.stock == ()
    for passes in range(4):
        assert not GAME.finished(state), passes
        assert GAME.legal_plays(state, state.turn) == (PASS,)
        state = after(state, PASS)
    assert GAME.status(state) == "finished"
    result = GAME.score(state)
    assert result.scores == (-(4 * 7 + 1 + 2) - (0 + 0 + 2), -10, -10)
    assert result.winners == (1, 2)
    assert result.ranks == (3, 1, 1)


def test_the_last_card_ends_the_game_and_the_others_pay_for_their_hands() -> None:
    state = after(table("7D", "8S JH", "2C TS"), Play("play", "7D"))
    result = GAME.score(state)
    assert GAME.status(state) == "finished"
    assert result.scores == (0, -60, -(2 + 37))
    assert result.ranks == (1, 3, 2)
    assert result.winners == (0,)
    assert result.rounds == (result.scores,)


def test_nobody_has_a_score_before_the_end() -> None:
    result = GAME.score(table("7D", "8S JH"))
    assert (result.scores, result.winners, result.rounds) == ((0, 0), (), ())


@pytest.mark.parametrize(
    ("card", "turn", "direction"), [("7D", 1, 1), ("QH", 2, 1), ("AH", 3, -1), ("2H", 1, 1)]
)
def test_special_cards_move_the_turn(card: str, turn: int, direction: int) -> None:
    state = table(f"{card} 9D", "9S", "9H", "KD", special_cards=True)
    moved = after(state, Play("play", card))
    assert (moved.turn, moved.direction) == (turn, direction)
    plain = after(table(f"{card} 9D", "9S", "9H", "KD"), Play("play", card))
    assert (plain.turn, plain.direction, plain.pending_draw) == (1, 1, 0)


def test_two_seats_play_again_after_a_skip() -> None:
    assert after(table("QH 9D", "9S", special_cards=True), Play("play", "QH")).turn == 0


def test_twos_add_up_until_a_seat_draws_them_all_and_loses_its_turn() -> None:
    state = table("2H 9D", "2S 9S 2D", "9H KH", special_cards=True)
    state = after(state, Play("play", "2H"))
    assert legal(state) == [
        {"action": "play", "card": "2D"},
        {"action": "play", "card": "2S"},
        {"action": "draw"},
    ]
    state = after(state, Play("play", "2S"))
    assert legal(state) == [{"action": "draw"}]
    outcome = GAME.apply(state, 2, DRAW)
    drawn = [event for event in outcome.events if event.type == "game.card_drawn"]
    assert [event.private for event in drawn] == [
        {2: {"card": card}} for card in ("2C", "3C", "4C", "6C")
    ]
    assert outcome.state.turn == 0
    assert outcome.state.pending_draw == 0


def test_what_twos_oblige_to_is_forgiven_when_nothing_is_left() -> None:
    state = table("9H", "KD", discards="2H", stock="3C", special_cards=True, pending_draw=4)
    state = after(state, DRAW)
    assert (state.pending_draw, state.turn, len(state.hands[0])) == (0, 1, 2)


def test_a_debt_that_takes_the_very_last_card_counts_as_a_pass() -> None:
    exact = table("9H", "KD", discards="2H", stock="3C 4C", special_cards=True, pending_draw=2)
    assert GAME.finished(after(exact, DRAW, PASS, PASS))
    short = table("9H", "KD", discards="2H", stock="3C", special_cards=True, pending_draw=2)
    assert not GAME.finished(after(short, DRAW, PASS, PASS))
    assert GAME.finished(after(short, DRAW, PASS, PASS, PASS))


@pytest.mark.parametrize("seats", [2, 3, 4, 5])
def test_the_deal_gives_each_seat_its_cards_and_turns_up_no_eight(seats: int) -> None:
    for number in range(200):
        state = GAME.deal(seed_of(number), seats, {})
        assert {len(hand) for hand in state.hands} == {7 if seats == 2 else 5}
        assert state.top[0] != "8"
        assert state.turn == (state.dealer + 1) % seats


def test_a_turned_up_special_card_counts_as_played_by_the_dealer() -> None:
    seen = set()
    for number in range(200):
        state = GAME.deal(seed_of(number), 4, {"special_cards": True})
        step, direction, owed = {"Q": (2, 1, 0), "A": (-1, -1, 0), "2": (1, 1, 2)}.get(
            state.top[0], (1, 1, 0)
        )
        assert state.turn == (state.dealer + step) % 4
        assert (state.direction, state.pending_draw) == (direction, owed)
        seen.add(state.top[0])
    assert {"Q", "A", "2"} <= seen


def test_every_dealer_and_every_turned_up_card_but_eights_comes_up() -> None:
    states = [GAME.deal(seed_of(number), 3, {}) for number in range(1_500)]
    assert {state.dealer for state in states} == {0, 1, 2}
    assert {state.top for state in states} == {card for card in DECK if card[0] != "8"}


def test_a_draw_shows_the_card_to_the_drawer_alone() -> None:
    outcome = GAME.apply(table("9D", "KD"), 0, DRAW)
    assert outcome.events[0] == Event(
        "game.card_drawn", {"seat": 0, "hand_size": 2, "stock_size": 6}, {0: {"card": "2C"}}
    )


def test_a_forfeit_costs_the_worst_score_and_shows_no_hand() -> None:
    outcome = GAME.forfeit(table("9D", "KD", "8S"), 1)
    assert GAME.score(outcome.state).scores == (0, -544, 0)
    assert GAME.score(outcome.state).winners == (0, 2)
    assert outcome.events[-1] == Event(
        "game.finished",
        {
            "status": "abandoned",
            "scores": [0, -544, 0],
            "ranks": [1, 3, 1],
            "winners": [0, 2],
            "forfeited_by": 1,
        },
    )
