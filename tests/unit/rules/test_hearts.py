"""The rules of Hearts one by one, on small tables laid out by hand.

That they are OpenSpiel's, test_hearts_against_openspiel.py shows.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from factories.random_play import seed_of
from parlor_rules.hearts import DEFAULTS, Hearts, HeartsOptions, HeartsState, Trick
from parlor_rules.protocol import Event, Play

GAME = Hearts()
EARLIER = (Trick(((0, "2C"), (1, "3C"), (2, "4C"), (3, "5C")), 3, 0),)


def table(*hands: str, options: dict[str, bool] | None = None, **more: Any) -> HeartsState:
    """A table in its second trick, whose turn is seat 0's."""
    values: dict[str, Any] = {"turn": 0, "direction": 0, "tricks": EARLIER, **more}
    return HeartsState(
        options=HeartsOptions(**{**DEFAULTS, **(options or {})}),
        hands=tuple(tuple(hand.split()) for hand in hands),
        **values,
    )


def legal(state: HeartsState) -> list[str]:
    return [play.card or play.cards[0] for play in GAME.legal_plays(state, state.turn)]


def played(state: HeartsState, *cards: str) -> HeartsState:
    for card in cards:
        state = GAME.apply(state, state.turn, Play("play", card)).state
    return state


def passing_table() -> HeartsState:
    return next(
        state
        for number in range(100)
        if (state := GAME.deal(seed_of(number), 4, {})).direction == 1
    )


def test_suit_must_be_followed() -> None:
    state = table("9D QS 3H", "", "", "", trick=((3, "4D"),))
    assert legal(state) == ["9D"]
    assert legal(table("QS 3H", "", "", "", trick=((3, "4D"),))) == ["QS", "3H"]


def test_hearts_may_not_be_led_before_they_are_broken() -> None:
    assert legal(table("9D 3H", "", "", "")) == ["9D"]
    assert legal(table("9D 3H", "", "", "", hearts_broken=True)) == ["9D", "3H"]
    assert legal(table("3H 4H", "", "", "")) == ["3H", "4H"]


def test_a_queen_left_with_hearts_must_be_led_unless_the_option_spares_it() -> None:
    assert legal(table("QS 3H", "", "", "")) == ["QS"]
    spared = {"can_lead_hearts_instead_of_qs": True}
    assert legal(table("QS 3H", "", "", "", options=spared)) == ["QS", "3H"]


@pytest.mark.parametrize(("card", "option", "broken"), [("QS", True, True), ("QS", False, False)])
def test_the_queen_breaks_hearts_by_option(card: str, option: bool, broken: bool) -> None:
    options = {"qs_breaks_hearts": option}
    state = table("QS", "3S", "4S", "5S", options=options)
    assert played(state, card).hearts_broken is broken
    assert played(table("3H", "", "", "", options=options), "3H").hearts_broken


def test_the_first_trick_takes_no_points_if_it_can_be_helped() -> None:
    first: dict[str, Any] = {"tricks": (), "trick": ((3, "2C"),)}
    assert legal(table("QS 3H 9D", "", "", "", **first)) == ["9D"]
    assert legal(table("QS 3H", "", "", "", **first)) == ["QS", "3H"]
    free = {"no_pts_on_first_trick": False}
    assert legal(table("QS 3H 9D", "", "", "", options=free, **first)) == ["QS", "3H", "9D"]


def test_the_two_of_clubs_leads_unless_any_club_may() -> None:
    assert legal(table("2C 9C 3D", "", "", "", tricks=())) == ["2C"]
    any_club = {"can_lead_any_club": True}
    assert legal(table("2C 9C 3D", "", "", "", tricks=(), options=any_club)) == ["2C", "9C"]


def test_the_highest_card_of_the_suit_led_takes_the_trick_and_its_points() -> None:
    state = table("9D 2S", "JD 3S", "AS QS", "TD 4S", options={"jd_bonus": True})
    state = played(state, "9D", "JD", "QS", "TD")
    assert state.turn == 1
    assert state.tricks[-1].points == 13 - 10
    assert GAME.score(state).scores == (0, 3, 0, 0)


def test_passed_cards_go_seat_by_seat_and_arrive_all_at_once() -> None:
    state = passing_table()
    dealt = state.hands
    given = [hand[:3] for hand in dealt]
    for seat in range(4):
        for count, card in enumerate(given[seat], start=1):
            assert state.turn == seat
            assert state.passing
            outcome = GAME.apply(state, seat, Play("pass_cards", cards=(card,)))
            assert outcome.events[0] == Event(
                "game.cards_passed",
                {"seat": seat, "count": count, "hand_size": 13 - count},
                {seat: {"cards": [card]}},
            )
            state = outcome.state
    assert not state.passing
    for seat in range(4):
        assert set(state.hands[seat]) == {*dealt[seat][3:], *given[seat - 1]}
        seen = GAME.view(state, seat)["table"]
        assert seen["your_passed"] == list(given[seat])
        assert seen["your_received"] == list(given[seat - 1])
    assert outcome.events[1].type == "game.cards_received"
    assert outcome.events[1].private == {
        seat: {"cards": list(given[seat - 1])} for seat in range(4)
    }
    assert "2C" in state.hands[state.turn]


def test_only_one_card_is_passed_at_a_time() -> None:
    state = passing_table()
    plays = GAME.legal_plays(state, 0)
    assert [play.cards for play in plays] == [(card,) for card in state.hands[0]]


def test_every_passing_direction_is_about_equally_likely() -> None:
    drawn = Counter(GAME.deal(seed_of(number), 4, {}).direction for number in range(4_000))
    assert set(drawn) == {0, 1, 2, 3}
    assert all(900 < count < 1_100 for count in drawn.values())


def test_without_passing_the_holder_of_the_two_of_clubs_leads_at_once() -> None:
    for number in range(20):
        state = GAME.deal(seed_of(number), 4, {"pass_cards": False})
        assert (state.direction, state.passing) == (0, False)
        assert "2C" in state.hands[state.turn]


def test_the_player_without_a_trick_gets_a_bonus_by_option() -> None:
    takers = tuple(Trick(((seat, "2H"),), seat, points) for seat, points in ((0, 13), (1, 13)))
    ended = replace(table("", "", "", ""), tricks=takers, status="finished")
    assert GAME.score(ended).scores == (13, 13, 0, 0)
    options = replace(ended.options, avoid_all_tricks_bonus=True)
    result = GAME.score(replace(ended, options=options))
    assert result.scores == (13, 13, -5, -5)
    assert result.winners == (2, 3)
    assert result.ranks == (3, 3, 1, 1)


def test_a_forfeit_costs_all_points_and_the_others_keep_theirs() -> None:
    state = played(table("9D", "JD", "QS", "TD"), "9D", "JD", "QS")
    state = GAME.forfeit(replace(state, tricks=(Trick(((2, "QS"),), 2, 13),)), 0).state
    result = GAME.score(state)
    assert result.scores == (26, 0, 13, 0)
    assert result.ranks == (4, 1, 3, 1)
    assert result.winners == (1, 3)
