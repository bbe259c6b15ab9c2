"""Cards and the shuffle. The golden orders must never change: old games are replayed from seeds.

They were computed by a program of its own from the definition in the module's docstring.
"""

from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parlor_rules.cards import (
    DECK,
    below_v1,
    choose_v1,
    derive_seed,
    is_card,
    rank_of,
    shuffle_v1,
    sort_cards,
    suit_of,
)

GOLDEN = {
    b"": (
        "4H 6D JD 7D 6H 8D 2S 8H KC TD 5S KD TS 2H JC KH AS QC 9C 2C QS 3D AD 3H JH 4C "
        "7H KS 4S 4D 3C 7S QD 5D 5C 7C 9D 8C JS AH 5H 2D QH 6S 8S 6C TC AC 3S TH 9H 9S"
    ),
    b"parlor": (
        "3H 4C 9D JD JH 6S JS KH 8H QD QS KC 2H KD QC 5H TC 8C 5S 2C AD QH AH 7C 4D AS "
        "8S 9C 6D 6C 2S JC 3C TD TH 9S 9H 3S KS 7S TS 7H 3D 6H 8D 7D 4S 5C 2D 5D AC 4H"
    ),
    bytes(range(32)): (
        "2C 6D 5S 7D 9C KS 3C 3H 9D 5H 8S QC KC 4H JH 8H AH JD JS 2H TH AC 8C 4D 7S 5C "
        "6S QH 2S KH 7H KD AD TD JC 4S 3S QD QS 6H 4C TC 6C 9S TS 3D 8D 7C 2D 5D AS 9H"
    ),
}

# Chi-square above these values has a chance of 1 in 10,000 for that many degrees of freedom.
CHI_SQUARE_23 = 57.1
CHI_SQUARE_51 = 99.6


def chi_square(observed: Counter[int], cells: int) -> float:
    expected = observed.total() / cells
    return sum((observed[cell] - expected) ** 2 / expected for cell in range(cells))


def test_the_deck_has_every_card_once_in_order() -> None:
    assert len(set(DECK)) == 52
    assert DECK[:2] == ("2C", "3C")
    assert DECK[-2:] == ("KS", "AS")
    assert sort_cards(reversed(DECK)) == DECK
    assert (rank_of("TD"), suit_of("TD")) == ("T", "D")


@pytest.mark.parametrize("text", ["", "1C", "10C", "tc", "CT", "8", "8X", " 8C"])
def test_what_is_no_card_is_not_taken_for_one(text: str) -> None:
    assert not is_card(text)
    assert all(is_card(card) for card in DECK)


@pytest.mark.parametrize("seed", GOLDEN)
def test_a_seed_gives_the_order_it_always_gave(seed: bytes) -> None:
    assert " ".join(shuffle_v1(seed, DECK)) == GOLDEN[seed]


def test_a_shuffle_takes_items_of_any_kind_and_number() -> None:
    assert shuffle_v1(b"parlor", range(10)) == (2, 4, 1, 0, 5, 9, 7, 6, 3, 8)
    assert shuffle_v1(b"parlor", "") == ()
    assert shuffle_v1(b"parlor", ["one"]) == ("one",)


def test_a_derived_seed_is_the_one_it_always_was() -> None:
    expected = "cea51a51ebdeec7242c5802072d0357e54ae7717339c921c02e8c7ca55966039"
    assert derive_seed(b"parlor", "hearts.deck").hex() == expected


@given(st.binary(max_size=40), st.binary(max_size=40), st.text(max_size=8), st.text(max_size=8))
def test_separate_draws_have_separate_seeds(
    seed: bytes, other_seed: bytes, label: str, other_label: str
) -> None:
    same = (seed, label) == (other_seed, other_label)
    assert (derive_seed(seed, label) == derive_seed(other_seed, other_label)) == same


@given(st.binary(max_size=40), st.lists(st.integers()))
def test_a_shuffle_keeps_every_item(seed: bytes, items: list[int]) -> None:
    assert sorted(shuffle_v1(seed, items)) == sorted(items)


def test_a_word_that_would_favour_small_numbers_is_thrown_away() -> None:
    # 2**32 is 1 more than a multiple of 3, so the highest word has no fair place.
    assert below_v1(iter([2**32 - 1, 7]), 3) == 1
    assert below_v1(iter([2**32 - 2]), 3) == 2
    assert below_v1(iter([2**32 - 1]), 2**32) == 2**32 - 1
    assert below_v1(iter([2**32 - 1]), 4) == 3


@pytest.mark.parametrize("bound", [0, -1, 2**32 + 1])
def test_a_bound_that_a_word_cannot_serve_is_refused(bound: int) -> None:
    with pytest.raises(ValueError, match="bound"):
        choose_v1(b"seed", bound)


def test_every_order_of_four_items_is_equally_likely() -> None:
    orders = {order: index for index, order in enumerate(permutations(range(4)))}
    seen = Counter(orders[shuffle_v1(b"%d" % number, range(4))] for number in range(12_000))
    assert chi_square(seen, 24) < CHI_SQUARE_23


def test_every_card_is_equally_likely_on_top_and_at_the_bottom() -> None:
    index = {card: place for place, card in enumerate(DECK)}
    orders = [shuffle_v1(b"%d" % number, DECK) for number in range(5_200)]
    for place in (0, 26, 51):
        assert chi_square(Counter(index[order[place]] for order in orders), 52) < CHI_SQUARE_51
