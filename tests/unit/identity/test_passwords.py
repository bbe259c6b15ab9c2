"""Which passwords are refused, and for which reason."""

import pytest
from parlor_identity import passwords
from parlor_identity.passwords import COMMON, LENGTH, PERSONAL, REPEATED, SEQUENCE

EMAIL, NAME = "torvaldine@example.com", "Torvaldine Roth"


def faults(password: str) -> list[str]:
    return passwords.faults(password, EMAIL, NAME)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "Kx9#mQ2$vL7p",
        "пароль-который-никто-не-знает",
        "🂡🂮🂭🂫🂪 and a lucky seven",
        "Kx9#mQ2$vL7p!Zw4" * 8,
    ],
)
def test_a_password_that_guessing_does_not_begin_with_is_taken(password: str) -> None:
    assert faults(password) == []


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password123!",
        "P@ssw0rd1234",
        "!!iloveyou!!",
        "administrator",
        "1q2w3e4r5t6y",
    ],
)
def test_a_common_password_is_refused_in_every_disguise(password: str) -> None:
    assert COMMON in faults(password)


@pytest.mark.parametrize("password", ["aaaaaaaaaaaa", "abababababab", "abc123abc123abc123"])
def test_one_part_again_and_again_is_refused(password: str) -> None:
    assert REPEATED in faults(password)


def test_a_common_password_said_twice_is_refused() -> None:
    assert faults("PasswordPassword") == [COMMON]


@pytest.mark.parametrize(
    "password", ["abcdefghijkl", "987654321098", "qwertyuiop12", "lkjhgfdsaqwe", "1qaz2wsx3edc"]
)
def test_a_run_of_neighbours_is_refused(password: str) -> None:
    assert SEQUENCE in faults(password)


@pytest.mark.parametrize("password", ["torvaldine-1999", "Torvaldine Roth!", "xtorvaldinex12"])
def test_the_persons_own_name_is_refused(password: str) -> None:
    assert faults(password) == [PERSONAL]


def test_the_persons_own_name_may_be_part_of_a_good_password() -> None:
    assert faults("torvaldine likes Kx9#mQ2$vL7p") == []


@pytest.mark.parametrize("password", ["", "Kx9#mQ2$vL7", "Kx9#" * 32 + "!"])
def test_too_short_and_too_long_are_refused(password: str) -> None:
    assert faults(password) == [LENGTH]


def test_the_length_is_counted_in_the_form_that_is_hashed() -> None:
    assert passwords.normalised("e\u0301") == "\u00e9"
    assert faults("Kx9#mQ2$vL7e\u0301") == []
    assert faults("Kx9#mQ2$vLe\u0301") == [LENGTH]


def test_the_list_is_long_enough_to_matter() -> None:
    assert len(passwords.common_passwords()) > 5000


def test_first_passwords_pass_their_own_policy_and_differ() -> None:
    made = {passwords.initial() for _ in range(200)}
    assert len(made) == 200
    assert not any(faults(password) for password in made)
