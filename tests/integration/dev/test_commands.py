"""The commands as a person meets them: help, one clear line for each problem, exit status 2."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest
from parlor_dev.home import Home, RunState
from parlor_dev.ports import HOST

pytestmark = pytest.mark.integration


async def run(home: Path, *arguments: str, **env: str) -> tuple[int | None, str, str]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "parlor_dev",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PARLOR_HOME": str(home), **env},
    )
    async with asyncio.timeout(60):
        out, err = await child.communicate()
    return child.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("verb", [(), ("up",), ("down",), ("status",), ("reset",), ("demo",)])
async def test_every_command_explains_itself(tmp_path: Path, verb: tuple[str, ...]) -> None:
    status, out, _ = await run(tmp_path, *verb, "--help")
    assert status == 0
    assert "usage: python -m parlor_dev" in out


async def test_nothing_that_runs_is_nothing_to_complain_about(tmp_path: Path) -> None:
    for verb, said in {
        "status": "nothing runs",
        "down": "nothing runs",
        "reset": "there was nothing to remove",
    }.items():
        status, out, err = await run(tmp_path / "state", verb)
        assert (status, err) == (0, "")
        assert said in out


async def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        status, _, err = await run(tmp_path / "state", "up", PARLOR_PORT=str(port))
    assert status == 2
    assert err == (
        f"parlor: port {port} is in use: choose another, as in `PARLOR_PORT={port + 1} make up`\n"
    )


async def test_a_stack_that_runs_is_not_started_again_nor_reset(tmp_path: Path) -> None:
    home = Home(tmp_path / "state")
    home.create()
    assert home.lock()
    for verb, said in {"up": "a stack runs on", "reset": "`make down` first"}.items():
        # Without a state the holder may be about to end; "running" it surely is.
        home.write_state(_running())
        status, _, err = await run(home.folder, verb, PARLOR_PORT="1")
        assert status == 2
        assert said in err
        assert err.count("\n") == 1
    home.unlock()


def _running() -> RunState:
    return RunState(os.getpid(), f"http://{HOST}:1", "running")


@pytest.mark.parametrize("replicas", ["chat", "chat=x", "chat=0", "poker=2"])
async def test_replicas_that_make_no_sense_are_refused(tmp_path: Path, replicas: str) -> None:
    status, _, err = await run(tmp_path / "state", "up", "--replicas", replicas)
    assert status == 2
    assert "chat=2" in err or "a number from 1" in err
