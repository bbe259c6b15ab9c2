"""The move log is a chain: every change of what was said makes another head."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from parlor_rules.cards import DECK
from parlor_rules.catalog import GAMES
from parlor_rules.move_log import (
    Entry,
    applied,
    canonical,
    first_head,
    header,
    next_head,
    refuse_fractions,
)
from parlor_rules.protocol import IllegalPlay, MalformedPlay

SERVER_SEED = bytes(range(32))
HEADER = header(
    game_id="0198c5a0-0000-7000-8000-000000000001",
    game="crazy_eights",
    options={"special_cards": False},
    players=["0198c5a0-0000-7000-8000-00000000000a", "0198c5a0-0000-7000-8000-00000000000b"],
    commitment="ab" * 32,
    seeds=["luck", ""],
)
ENTRY = Entry(1, 0, {"action": "play", "card": "7H"}, "player", "2026-11-25T10:00:00.000001Z")
EXPECTED_HEADER = (
    '{"commitment":"' + "ab" * 32 + '","game":"crazy_eights",'
    '"game_id":"0198c5a0-0000-7000-8000-000000000001","log":"parlor.log.v1",'
    '"options":{"special_cards":false},"players":["0198c5a0-0000-7000-8000-00000000000a",'
    '"0198c5a0-0000-7000-8000-00000000000b"],"seeds":["luck",""],'
    '"shuffle":"parlor.deal.v1+shuffle.v1"}'
)
EXPECTED_ENTRY = (
    '{"at":"2026-11-25T10:00:00.000001Z","by":"player","number":1,'
    '"play":{"action":"play","card":"7H"},"seat":0}'
)


def test_the_heads_are_what_the_document_says() -> None:
    first = hashlib.sha256(EXPECTED_HEADER.encode()).digest()
    assert first_head(HEADER) == first
    salt = hashlib.sha256(
        b"parlor.seed.v1\x00" + (32).to_bytes(8, "big") + SERVER_SEED + b"log-1"
    ).digest()
    expected = hashlib.sha256(first + salt + EXPECTED_ENTRY.encode()).digest()
    assert next_head(first, ENTRY, SERVER_SEED) == expected


def test_the_order_of_members_does_not_count() -> None:
    turned = dict(reversed(HEADER.items()))
    assert list(turned) != list(HEADER)
    assert first_head(turned) == first_head(HEADER)


@pytest.mark.parametrize("member", list(HEADER))
def test_every_member_of_the_header_counts(member: str) -> None:
    assert first_head(HEADER | {member: "other"}) != first_head(HEADER)


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2},
        {"seat": 1},
        {"play": {"action": "draw"}},
        {"by": "clock"},
        {"at": "2026-11-25T10:00:00.000002Z"},
    ],
)
def test_every_member_of_an_entry_counts(change: dict[str, Any]) -> None:
    head = first_head(HEADER)
    after = next_head(head, ENTRY, SERVER_SEED)
    assert next_head(head, replace(ENTRY, **change), SERVER_SEED) != after
    assert next_head(bytes(32), ENTRY, SERVER_SEED) != after


def test_a_hidden_move_cannot_be_found_by_trying_all() -> None:
    """Whoever knows everything but the passed card and the secret of the server finds no card."""
    passed = replace(ENTRY, play={"action": "pass_cards", "cards": ["QS"]})
    head = first_head(HEADER)
    seen = next_head(head, passed, SERVER_SEED)
    tried = [replace(passed, play={"action": "pass_cards", "cards": [card]}) for card in DECK]
    known = (b"", bytes(32), head, bytes.fromhex(HEADER["commitment"]))
    assert not [
        entry for entry in tried for guess in known if next_head(head, entry, guess) == seen
    ]
    unsalted = [hashlib.sha256(head + canonical(entry.body())).digest() for entry in tried]
    assert seen not in unsalted
    assert [entry for entry in tried if next_head(head, entry, SERVER_SEED) == seen] == [passed]


@pytest.mark.parametrize(
    "value", [{"n": 0.5}, {"n": [{"m": 1.0}]}, {"n": float("nan")}, {"ü": 1}, {1: 2}]
)
def test_what_has_no_one_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"form|names"):
        refuse_fractions(value)


def test_text_is_written_in_utf_8_and_half_characters_are_refused() -> None:
    assert canonical({"a": "Glück\n"}) == '{"a":"Glück\\n"}'.encode()
    with pytest.raises(ValueError, match="surrogates"):
        canonical({"a": "\ud800"})


def test_an_entry_is_made_by_the_rules() -> None:
    game = GAMES["crazy_eights"]
    state = game.deal(b"seed", 2, {})
    seat = game.turn(state)
    assert seat is not None
    drawn = applied(game, state, seat, {"action": "draw"})
    assert game.legal_plays(drawn.state, seat)
    with pytest.raises(IllegalPlay):
        applied(game, state, seat, {"action": "pass"})
    given_up = applied(game, state, 1 - seat, {"action": "forfeit"})
    assert game.status(given_up.state) == "abandoned"
    with pytest.raises(MalformedPlay):
        applied(game, state, seat, {"action": "forfeit", "card": "7H"})
