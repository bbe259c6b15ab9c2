"""Sealing: what is stored gives nothing away, and opens again with the same key alone."""

import pytest
from cryptography.fernet import InvalidToken
from hypothesis import given
from hypothesis import strategies as st
from parlor_kit.sealing import Sealer

ONE, OTHER = Sealer(b"a" * 32), Sealer(b"b" * 32)


@given(st.binary(max_size=200))
def test_what_was_sealed_opens_again(plain: bytes) -> None:
    assert ONE.open(ONE.seal(plain)) == plain


def test_the_seal_hides_the_content_and_its_repetition() -> None:
    first, second = ONE.seal(b"inv_secret"), ONE.seal(b"inv_secret")
    assert b"inv_secret" not in first
    assert first != second


def test_another_key_opens_nothing() -> None:
    with pytest.raises(InvalidToken):
        OTHER.open(ONE.seal(b"inv_secret"))


def test_a_changed_seal_is_refused() -> None:
    sealed = bytearray(ONE.seal(b"inv_secret"))
    sealed[-1] ^= 1
    with pytest.raises(InvalidToken):
        ONE.open(bytes(sealed))


def test_digests_tell_bodies_apart_and_are_keyed() -> None:
    assert ONE.digest(b"a") == Sealer(b"a" * 32).digest(b"a")
    assert len({ONE.digest(b"a"), ONE.digest(b"b"), OTHER.digest(b"a")}) == 3
