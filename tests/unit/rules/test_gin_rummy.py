"""The rules of Gin Rummy one by one, on small tables laid out by hand.

That they are OpenSpiel's, test_gin_rummy_against_openspiel.py shows.
"""

from dataclasses import replace
from typing import Any

import pytest
from factories.random_play import seed_of
from parlor_rules.cards import sort_cards
from parlor_rules.gin_rummy import DONE, DRAW, KNOCK, PASS, TAKE, GinRummy, GinRummyState
from parlor_rules.melds import best_arrangement, deadwood, lay_offs
from parlor_rules.protocol import Event, Play

GAME = GinRummy()

# Ten cards with two melds beside them: what is left costs 5, and a nine more makes it 14.
KNOCKER = "AC 2C 3C 7D 8D 9D TD JD 2H 3H"
OTHER = "4C 5S 5H 5D 9C 9S JS KS QH KH"


def table(
    mine: str, others: str = OTHER, *, upcard: str | None = "6S", **more: Any
) -> GinRummyState:
    """A table whose turn is seat 0's."""
    dealt = GAME.deal(seed_of(1), 2, more.pop("options", {}))
    return replace(
        dealt,
        dealer=1,
        turn=0,
        hands=(sort_cards(mine.split()), sort_cards(others.split())),
        stock=("6C", "7C", "8C"),
        upcard=upcard,
        phase=more.pop("phase", "draw"),
        **more,
    )


def legal(state: GinRummyState) -> list[dict[str, Any]]:
    return [play.body() for play in GAME.legal_plays(state, state.turn)]


def after(state: GinRummyState, *plays: Play) -> GinRummyState:
    for play in plays:
        state = GAME.apply(state, state.turn, play).state
    return state


def discard(card: str) -> Play:
    return Play("discard", card)


def meld(cards: str) -> Play:
    return Play("meld", cards=tuple(cards.split()))


def test_the_first_upcard_goes_to_the_one_or_the_other_before_anybody_draws() -> None:
    state = table(KNOCKER, phase="upcard")
    assert legal(state) == [{"action": "take"}, {"action": "pass"}]
    passed = after(state, PASS)
    assert (passed.turn, legal(passed)) == (1, [{"action": "take"}, {"action": "pass"}])
    assert (after(passed, TAKE).phase, after(passed, TAKE).turn) == ("discard", 1)
    both = after(passed, PASS)
    assert (both.turn, legal(both)) == (0, [{"action": "draw"}])


def test_a_drawn_card_is_shown_to_its_seat_alone_and_a_taken_one_to_all() -> None:
    drawn = GAME.apply(table(KNOCKER), 0, DRAW).events[0]
    assert drawn == Event(
        "game.card_drawn",
        {"seat": 0, "hand_size": 11, "stock_size": 2, "upcard": None, "discards": ["6S"]},
        {0: {"card": "6C"}},
    )
    outcome = GAME.apply(table(KNOCKER), 0, TAKE)
    assert outcome.events[0] == Event(
        "game.card_taken", {"seat": 0, "card": "6S", "hand_size": 11, "upcard": None}
    )
    for seat in (0, 1, None):
        assert GAME.view(outcome.state, seat)["table"]["known_cards"] == [["6S"], []]
    gone = after(outcome.state, discard("6S"))
    assert GAME.view(gone, 1)["table"]["known_cards"] == [[], []]


def test_a_seat_may_knock_only_within_the_limit() -> None:
    ready = after(table(KNOCKER), DRAW)
    assert deadwood(ready.hand) == 5
    assert {"action": "knock"} in legal(ready)
    strict = after(table(KNOCKER, limit=4), DRAW)
    assert {"action": "knock"} not in legal(strict)


def test_oklahoma_lets_the_first_upcard_say_the_limit() -> None:
    for number in range(60):
        state = GAME.deal(seed_of(number), 2, {"oklahoma": True})
        assert state.upcard is not None
        rank = state.upcard[0]
        expected = {"A": 0, "T": 10, "J": 10, "Q": 10, "K": 10}.get(rank)
        assert state.limit == (int(rank) if expected is None else expected)


def test_a_knock_is_laid_out_then_the_other_lays_off_and_melds_and_the_scores_follow() -> None:
    state = after(table(KNOCKER), DRAW, KNOCK)
    assert {play["action"] for play in legal(state)} == {"discard"}
    state = after(state, discard("6C"))
    assert state.discards[-1] == "6C"
    state = after(state, meld("AC 2C 3C"))
    assert DONE not in GAME.legal_plays(state, 0)
    outcome = GAME.apply(after(state, meld("7D 8D 9D TD JD")), 0, DONE)
    assert outcome.events[0] == Event("game.hand_shown", {"seat": 0, "cards": ["2H", "3H"]})
    state = outcome.state
    assert legal(state) == [{"action": "lay_off", "card": "4C"}, {"action": "done"}]
    state = after(state, Play("lay_off", "4C"), DONE, meld("5S 5D 5H"))
    assert GAME.view(state, 0)["table"]["shown"] == [["2H", "3H"], None]
    state = after(state, DONE)
    left = 9 + 9 + 10 + 10 + 10 + 10
    assert GAME.score(state).scores == (left - 5, 5 - left)
    assert GAME.match_points(state) == (left - 5, 0)
    assert GAME.view(state, None)["table"]["shown"][1] == list(state.hands[1])


def test_nothing_is_laid_off_on_gin_and_gin_brings_its_bonus() -> None:
    gin = "AC 2C 3C 7D 8D 9D TD JD QD KD"
    state = after(table(gin), DRAW, KNOCK, discard("6C"), meld("AC 2C 3C"))
    state = after(state, meld("7D 8D 9D"), meld("TD JD QD KD"), DONE)
    assert (state.turn, state.phase) == (1, "meld")
    state = after(state, DONE)
    assert GAME.score(state).scores[0] == sum((4, 5, 5, 5, 9, 9, 10, 10, 10, 10)) + 25


def test_who_knocks_with_more_than_the_other_is_undercut() -> None:
    other = "AS 2S 3S 4S 5C 5D 5H JS JC JH"
    state = after(table(KNOCKER, other), DRAW, KNOCK, discard("6C"), meld("AC 2C 3C"))
    state = after(state, meld("7D 8D 9D TD JD"), DONE, DONE)
    state = after(state, meld("AS 2S 3S 4S"), meld("5C 5D 5H"), meld("JS JC JH"), DONE)
    assert GAME.score(state).scores == (-5 - 25, 5 + 25)
    assert GAME.match_points(state) == (0, 30)


def test_at_the_wall_a_seat_knocks_with_the_upcard_or_the_deal_is_over() -> None:
    state = after(replace(table(KNOCKER), stock=("6C", "7C", "8C")), DRAW, discard("3H"))
    assert (state.phase, state.turn) == ("wall", 1)
    assert legal(state) == [{"action": "pass"}]
    assert GAME.score(after(state, PASS)).scores == (0, 0)
    able = replace(state, turn=0, upcard="4H")
    assert legal(able) == [{"action": "knock"}, {"action": "pass"}]
    knocked = GAME.apply(able, 0, KNOCK)
    assert [event.type for event in knocked.events[:2]] == ["game.card_taken", "game.knocked"]
    assert "4H" in knocked.state.hand


def test_giving_the_same_upcard_back_twice_in_a_row_ends_the_deal() -> None:
    state = after(table(KNOCKER), TAKE, discard("6S"), TAKE)
    outcome = GAME.apply(state, 1, discard("6S"))
    assert GAME.status(outcome.state) == "finished"
    assert [event.type for event in outcome.events] == [
        "game.card_discarded",
        "game.stalled",
        "game.round_scored",
        "game.finished",
    ]
    assert GAME.score(outcome.state).scores == (0, 0)


@pytest.mark.parametrize(
    ("melds", "laid", "fitting"),
    [
        (["5C 5D 5H"], [], {"5S"}),
        (["5S 5C 5D 5H"], [], set()),
        (["AC 2C 3C"], [], {"4C"}),
        (["JD QD KD"], [], {"TD"}),
        (["5C 6C 7C"], [], {"4C", "8C"}),
        (["5C 6C 7C"], ["8C"], {"4C", "9C"}),
        (["5C 6C 7C", "9S 9D 9H"], ["4C"], {"3C", "8C", "9C"}),
    ],
)
def test_what_can_be_laid_off(melds: list[str], laid: list[str], fitting: set[str]) -> None:
    assert lay_offs([tuple(cards.split()) for cards in melds], laid) == fitting


def test_of_competing_melds_those_that_leave_least_are_chosen() -> None:
    hand = ["6S", "7S", "8S", "6C", "7C", "8C", "8D", "2H", "4H", "KD"]
    assert set(best_arrangement(hand)) == {("6S", "7S", "8S"), ("6C", "7C", "8C")}


def test_a_clock_that_runs_out_draws_and_throws_the_highest_loose_card_away() -> None:
    state = table(KNOCKER)
    assert GAME.timeout(state, 0) == DRAW
    assert GAME.timeout(after(state, DRAW), 0) == discard("6C")
    assert GAME.timeout(table(KNOCKER, phase="upcard"), 0) == PASS


def test_a_forfeit_costs_the_worst_score_and_the_other_gets_nothing() -> None:
    for bonus in (25, 60):
        state = table(KNOCKER, options={"gin_bonus": bonus})
        assert GAME.score(GAME.forfeit(state, 1).state).scores == (0, -98 - bonus)
