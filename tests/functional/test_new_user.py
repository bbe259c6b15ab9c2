"""The README's promise: a fresh clone, `make up`, `make demo` in a second terminal, Ctrl-C.

Nothing of this checkout is used but what git has: no environment, no cache but the one that the
caller's PARLOR_CACHE names (Kafka's jars need not be fetched for each test run).
"""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest
from factories.polling import until
from parlor_dev import checkout, pids
from parlor_dev.home import Home
from parlor_dev.ports import PortReservations

pytestmark = [
    pytest.mark.functional,
    pytest.mark.skipif(not (checkout.root() / ".git").exists(), reason="this is not a clone"),
]

_SET_UP_SECONDS = 300
_COMMAND_SECONDS = 300  # each of clone, demo and reset, on a machine that does other things as well


async def test_a_new_user_runs_the_platform_and_the_demo_from_a_fresh_clone(
    tmp_path: Path,
) -> None:
    clone = tmp_path / "parlor"
    await _finish("git", "clone", "--quiet", str(checkout.root()), str(clone), cwd=tmp_path)
    reservations = PortReservations()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(
            ("PARLOR_", "VIRTUAL_ENV", "CHAT_", "PYTEST", "MAKE", "MFLAGS", "ARGS")
        )
    } | {
        "PARLOR_PORT": str(reservations.take()),
        "PARLOR_KUBE": "off",
        "PARLOR_CACHE": os.environ.get("PARLOR_CACHE", str(checkout.root() / ".cache")),
    }
    up = await asyncio.create_subprocess_exec(
        "make",
        "up",
        cwd=clone,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        banner = await _banner(up)
        assert "Admin     admin@parlor.local" in banner
        told = await _finish("make", "demo", cwd=clone, env=environment)
        assert "Every step did what the contract says" in told
        records = [pids.read(path) for path in Home(clone / ".parlor").pids.glob("*.json")]
        # As Ctrl-C does: to everything in the terminal's foreground.
        os.killpg(up.pid, signal.SIGINT)
        async with asyncio.timeout(60):
            await up.communicate()
        await until(lambda: not any(r and pids.is_alive(r) for r in records), seconds=10)
    finally:
        if up.returncode is None:
            os.killpg(up.pid, signal.SIGKILL)
            await up.wait()
        await _finish("make", "reset", cwd=clone, env=environment)
        shutil.rmtree(clone, ignore_errors=True)
        reservations.close()


async def _banner(up: asyncio.subprocess.Process) -> str:
    assert up.stdout is not None
    said = b""
    async with asyncio.timeout(_SET_UP_SECONDS):
        while b"make demo" not in said:
            line = await up.stdout.readline()
            assert line, said.decode()
            said += line
    return said.decode()


async def _finish(*command: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    child = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(_COMMAND_SECONDS):
        out, _ = await child.communicate()
    assert child.returncode == 0, out.decode()
    return out.decode()
