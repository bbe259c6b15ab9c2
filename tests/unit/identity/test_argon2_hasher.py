"""The hasher: its parameters, its bound, and that it takes old hashes along."""

import asyncio

import pytest
from argon2 import PasswordHasher
from parlor_identity.adapters.argon2_hasher import HASHES, Argon2Hasher
from parlor_identity.errors import Overloaded

RIGHT = "correct horse battery staple"


def hasher(**changes: int) -> Argon2Hasher:
    given = {"parallelism": 1, "queue": 8, "memory_kib": 64, "passes": 1} | changes
    return Argon2Hasher(**given)


def hashes() -> float:
    return float(HASHES._value.get())


async def test_the_default_parameters_are_owasps() -> None:
    stored = await Argon2Hasher(parallelism=1, queue=1).hash(RIGHT)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_right_and_wrong_passwords_are_told_apart() -> None:
    argon2 = hasher()
    stored = await argon2.hash(RIGHT)
    assert (await argon2.verify(stored, RIGHT)).right
    assert not (await argon2.verify(stored, RIGHT + "!")).right


async def test_an_account_that_does_not_exist_costs_one_hash_and_never_matches() -> None:
    argon2 = hasher()
    stored = await argon2.hash(RIGHT)
    before = hashes()
    await argon2.verify(stored, "wrong")
    wrong = hashes() - before
    assert not (await argon2.verify(None, RIGHT)).right
    assert hashes() - before - wrong == wrong == 1


async def test_a_hash_of_other_parameters_is_made_again() -> None:
    old = PasswordHasher(time_cost=2, memory_cost=32, parallelism=1).hash(RIGHT)
    argon2 = hasher()
    verified = await argon2.verify(old, RIGHT)
    assert verified.right
    assert verified.rehashed is not None
    assert (await argon2.verify(verified.rehashed, RIGHT)).rehashed is None


async def test_a_broken_hash_matches_nothing() -> None:
    assert not (await hasher().verify("not a hash", RIGHT)).right


async def test_what_cannot_be_done_soon_is_refused_at_once() -> None:
    argon2 = hasher(queue=2, memory_kib=8 * 1024)
    results = await asyncio.gather(
        *(argon2.verify(None, RIGHT) for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(result, Overloaded) for result in results) == 7
    assert not (await argon2.verify(None, RIGHT)).right


async def test_composed_and_decomposed_characters_are_the_same_password() -> None:
    argon2 = hasher()
    stored = await argon2.hash("caf\u00e9 au lait, deux")
    assert (await argon2.verify(stored, "cafe\u0301 au lait, deux")).right


@pytest.mark.parametrize("wrong", ["", "\ud7ff" * 1000])
async def test_any_text_may_be_claimed_to_be_a_password(wrong: str) -> None:
    assert not (await hasher().verify(None, wrong)).right
