"""The demo signs in as whoever `make up` made the first admin, whatever its own terminal says."""

import sys
from pathlib import Path
from typing import Any

import pytest
from parlor_dev import first_admin
from parlor_dev.demo import __main__ as demo
from parlor_dev.home import Home, RunState

URL = "http://127.0.0.1:8080"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the story would have been told with."""
    seen: list[tuple[Any, ...]] = []

    async def tell(url: str, email: str, password: str, _: object) -> bool:
        seen.append((url, email, password))
        return True

    monkeypatch.setattr(demo, "_tell", tell)
    return seen


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A state folder whose `make up` was told an e-mail and a password in another terminal."""
    home = Home(tmp_path / "state")
    home.create()
    home.write_state(RunState(1, URL, "running"))
    monkeypatch.setenv("PARLOR_HOME", str(home.folder))
    monkeypatch.setenv("PARLOR_ADMIN_EMAIL", "boss@example.com")
    monkeypatch.setenv("PARLOR_ADMIN_PASSWORD", "of the first terminal")
    first_admin.decide(home, exists=False)
    monkeypatch.delenv("PARLOR_ADMIN_EMAIL")
    monkeypatch.delenv("PARLOR_ADMIN_PASSWORD")
    return home


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("terminal", [{}, {"PARLOR_ADMIN_EMAIL": "x@y.z"}])
def test_of_a_make_up_the_state_folder_decides(
    told: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, terminal: dict[str, str]
) -> None:
    for name, value in terminal.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["demo"])
    assert demo.main() == 0
    assert told == [(URL, "boss@example.com", "of the first terminal")]


@pytest.mark.usefixtures("running")
def test_of_another_platform_the_environment_decides(
    told: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLOR_ADMIN_PASSWORD", "elsewhere")
    monkeypatch.setattr(sys, "argv", ["demo", "--url", "https://parlor.example"])
    assert demo.main() == 0
    assert told == [("https://parlor.example", first_admin.DEFAULT_EMAIL, "elsewhere")]
