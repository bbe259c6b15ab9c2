"""Refresh tokens follow one another, and nobody else can tell how."""

import re

from parlor_identity.refresh_tokens import RefreshTokens

TOKENS = RefreshTokens(b"s" * 32)


def test_tokens_are_32_random_bytes() -> None:
    made = {TOKENS.first() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in made)


def test_a_token_has_one_successor_on_every_replica() -> None:
    token = TOKENS.first()
    assert TOKENS.successor(token) == RefreshTokens(b"s" * 32).successor(token)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", TOKENS.successor(token))


def test_without_the_secret_key_the_successor_cannot_be_computed() -> None:
    token = TOKENS.first()
    assert TOKENS.successor(token) != RefreshTokens(b"t" * 32).successor(token)


def test_what_is_stored_is_not_the_token() -> None:
    token = TOKENS.first()
    assert token not in TOKENS.hash(token)
    assert TOKENS.hash(token) != TOKENS.hash(TOKENS.successor(token))
