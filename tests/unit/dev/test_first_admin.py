"""Who the first admin is follows the environment until there is one, and the state folder after."""

import stat
from pathlib import Path

import pytest
from parlor_dev import first_admin
from parlor_dev.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("PARLOR_ADMIN_EMAIL", "PARLOR_ADMIN_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    made = Home(tmp_path / "state")
    made.create()
    return made


def test_a_password_of_the_environment_is_kept_for_starts_without_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLOR_ADMIN_EMAIL", "boss@example.com")
    monkeypatch.setenv("PARLOR_ADMIN_PASSWORD", "first")
    assert not first_admin.decide(home, exists=False).made
    monkeypatch.delenv("PARLOR_ADMIN_EMAIL")
    monkeypatch.delenv("PARLOR_ADMIN_PASSWORD")
    later = first_admin.decide(home, exists=True)
    assert (later.email, later.password) == ("boss@example.com", "first")
    assert not later.made
    assert later.ignored == ()
    mode = stat.S_IMODE(home.secret_file(first_admin.PASSWORD_FILE).stat().st_mode)
    assert mode == 0o600


def test_an_environment_that_comes_too_late_is_named_and_changes_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = first_admin.decide(home, exists=False)
    assert made.made
    monkeypatch.setenv("PARLOR_ADMIN_EMAIL", "late@example.com")
    monkeypatch.setenv("PARLOR_ADMIN_PASSWORD", "late")
    later = first_admin.decide(home, exists=True)
    assert (later.email, later.password) == (made.email, made.password)
    assert later.ignored == ("PARLOR_ADMIN_EMAIL", "PARLOR_ADMIN_PASSWORD")
    kept = first_admin.kept(home)
    assert kept is not None
    assert kept.password == made.password


def test_while_there_is_no_admin_the_environment_may_still_change_its_mind(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLOR_ADMIN_PASSWORD", "short")
    first_admin.decide(home, exists=False)
    monkeypatch.setenv("PARLOR_ADMIN_PASSWORD", "long enough to be taken")
    assert first_admin.decide(home, exists=False).password == "long enough to be taken"


def test_a_random_password_outlives_a_start_that_failed(home: Home) -> None:
    made = first_admin.decide(home, exists=False)
    assert first_admin.decide(home, exists=False).password == made.password
