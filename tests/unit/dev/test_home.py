"""The state folder is private, keeps its secrets, and is never confused with another folder."""

import stat
from pathlib import Path

import pytest
from parlor_dev.home import Home, RunState
from parlor_dev.problems import Problem


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_in_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "state")
    home.create()
    home.secret("key", lambda: "value")
    assert mode(home.folder) == 0o700
    assert mode(home.secret_file("key")) == 0o600


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    first, second = Home(tmp_path / "state"), Home(tmp_path / "state")
    first.create()
    assert first.secret("key", lambda: "one") == "one"
    assert second.secret("key", lambda: "two") == "one"


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    home = Home(tmp_path)
    with pytest.raises(Problem, match="PARLOR_HOME"):
        home.create()
    with pytest.raises(Problem, match="nothing was removed"):
        home.wipe()
    assert (tmp_path / "thesis.txt").exists()


def test_only_one_stack_at_a_time_holds_it(tmp_path: Path) -> None:
    first, second = Home(tmp_path / "state"), Home(tmp_path / "state")
    first.create()
    assert first.lock()
    assert not second.lock()
    assert second.is_running()
    first.unlock()
    assert not second.is_running()
    assert second.lock()
    second.unlock()


def test_what_runs_is_told_and_forgotten(tmp_path: Path) -> None:
    home = Home(tmp_path / "state")
    home.create()
    assert home.read_state() is None
    state = RunState(1, "http://127.0.0.1:8080", "running", {"chat-api-1": "http://127.0.0.1:1"})
    home.write_state(state)
    assert home.read_state() == state
    home.unlock()
    assert home.read_state() is None


def test_sockets_move_where_a_path_is_short_enough(tmp_path: Path) -> None:
    home = Home(tmp_path / ("deep" * 20) / "state")
    home.create()
    bound_by_sanic = home.sockets / ("customer-10.sock." + "x" * 43)
    assert len(str(bound_by_sanic)) < 108
    sockets = home.sockets
    home.unlock()
    assert not sockets.exists()


def test_a_wiped_folder_is_gone(tmp_path: Path) -> None:
    home = Home(tmp_path / "state")
    assert not home.wipe()
    home.create()
    assert home.wipe()
    assert not home.folder.exists()
