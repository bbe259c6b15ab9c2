"""The deal is the documented function of the server's secret and every player's word."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parlor_rules.fair_deal import commitment_to, game_seed, is_seed

SERVER_SEED = bytes(range(32))
seeds = st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64))


def test_the_seed_is_what_the_document_says() -> None:
    said = b"\x00\x00\x00\x04luck" + b"\x00\x00\x00\x00" + b"\x00\x00\x00\x01x"
    expected = hashlib.sha256(b"parlor.deal.v1\x00" + SERVER_SEED + said).digest()
    assert game_seed(SERVER_SEED, ["luck", "", "x"]) == expected
    assert commitment_to(SERVER_SEED) == hashlib.sha256(SERVER_SEED).digest()


def test_the_results_never_change() -> None:
    assert commitment_to(SERVER_SEED).hex() == (
        "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"
    )
    assert game_seed(SERVER_SEED, ["luck", "", "x"]).hex() == (
        "f03a582f94def9ba64d3a083a6c0215473ad4e9cce517c717cbfb772e9fabada"
    )


@given(seeds, seeds)
def test_only_equal_seeds_make_an_equal_deal(first: list[str], second: list[str]) -> None:
    same = game_seed(SERVER_SEED, first) == game_seed(SERVER_SEED, second)
    assert same == (first == second)


def test_the_server_seed_counts() -> None:
    assert game_seed(SERVER_SEED, ["luck"]) != game_seed(bytes(32), ["luck"])


@pytest.mark.parametrize("text", ["x", "my lucky number 7", "~" * 64])
def test_a_player_may_say_any_printable_word(text: str) -> None:
    assert is_seed(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "tab\t", "\x7f", "Glück", "a\nb"])
def test_other_words_are_refused(text: str) -> None:
    assert not is_seed(text)
