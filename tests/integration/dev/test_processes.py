"""A managed process: restarted when it dies, and gone with all it started when it is stopped."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from factories.polling import until
from parlor_dev import pids
from parlor_dev.processes import Command, ManagedProcess, ProcessFailed

pytestmark = pytest.mark.integration
Make = Callable[..., ManagedProcess]

_SLEEPER = "import time, sys; print('up', flush=True); time.sleep(600)"
_STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); " + _SLEEPER
# A child in the same group that ignores SIGTERM: only the kill of the group reaches it.
_PARENT = (
    "import subprocess, sys; "
    f"child = subprocess.Popen([sys.executable, '-c', {_STUBBORN!r}]); "
    "print(child.pid, flush=True); " + _SLEEPER
)


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes processes that are gone after the test."""
    made: list[ManagedProcess] = []

    def build(code: str, *, stop_seconds: float = 5.0, **options: object) -> ManagedProcess:
        name = f"stand-in-{len(made)}"
        log = tmp_path / f"{name}.log"

        async def says_something() -> bool:
            return log.exists() and log.stat().st_size > 0

        process = ManagedProcess(
            name,
            Command(
                argv=(sys.executable, "-I", "-S", "-c", code),
                env={"PATH": os.defpath},
                stop_seconds=stop_seconds,
            ),
            log=log,
            pid_file=tmp_path / f"{name}.json",
            **{"ready": says_something, "ready_seconds": 10.0, **options},  # type: ignore[arg-type]
        )
        made.append(process)
        return process

    yield build
    for process in made:
        await process.stop(harsh=True)


def is_gone(pid: int) -> bool:
    return pids.start_time(pid) is None


async def test_a_death_that_nobody_asked_for_restarts_it_and_says_so(make: Make) -> None:
    said: list[str] = []
    process = make(_SLEEPER, report=said.append)
    await process.start()
    first = process.pid
    await process.kill()
    await until(lambda: process.pid not in (None, first), seconds=10)
    assert process.restarts == 1
    assert said == ["stand-in-0 ended (signal SIGKILL), starting it again in 0.2 s"]


async def test_it_stays_down_when_it_was_stopped_or_may_not_restart(make: Make) -> None:
    stopped, unattended = make(_SLEEPER), make(_SLEEPER, auto_restart=False)
    for process in (stopped, unattended):
        await process.start()
    await stopped.stop()
    await unattended.kill()
    await asyncio.sleep(0.5)
    assert not stopped.running
    assert not unattended.running
    await unattended.start()
    assert unattended.running


async def test_one_that_ends_before_it_is_ready_fails_with_its_last_words(make: Make) -> None:
    process = make("import sys; sys.exit('no database')", ready=lambda: asyncio.sleep(0, False))
    with pytest.raises(ProcessFailed, match=r"ended at start; see .*: no database"):
        await process.start()
    assert process.restarts == 0


async def test_one_that_never_gets_ready_is_not_waited_for_forever(make: Make) -> None:
    process = make(_SLEEPER, ready=lambda: asyncio.sleep(0, False), ready_seconds=0.3)
    with pytest.raises(ProcessFailed, match="was not ready"):
        await process.start()
    assert not process.running


async def test_one_that_will_not_end_is_killed(make: Make) -> None:
    process = make(_STUBBORN, stop_seconds=0.3)
    await process.start()
    pid = process.pid
    assert pid is not None
    await process.stop()
    assert is_gone(pid)


async def test_a_stop_takes_what_the_process_started_along(make: Make) -> None:
    process = make(_PARENT)
    await process.start()
    child = int(process.log.read_text().split()[0])
    assert not is_gone(child)
    await process.stop()
    await until(lambda: is_gone(child))


async def test_a_task_that_fails_says_so(make: Make) -> None:
    await make("print('migrated')").run_to_end(10)
    with pytest.raises(ProcessFailed, match="ended with 3"):
        await make("import sys; sys.exit(3)").run_to_end(10)
    with pytest.raises(ProcessFailed, match=r"did not end in 0 s"):
        await make(_SLEEPER).run_to_end(0.3)


async def test_what_a_dead_supervisor_left_is_ended_and_nothing_else(
    make: Make, tmp_path: Path
) -> None:
    left, other = make(_STUBBORN, auto_restart=False), make(_SLEEPER, auto_restart=False)
    await left.start()
    await other.start()
    assert left.pid is not None
    assert other.pid is not None
    records = tmp_path / "records"
    records.mkdir()
    pids.write(records / "left.json", left.pid, signal.SIGKILL)
    reused = pids.Record(other.pid, 1, signal.SIGKILL)
    (records / "reused.json").write_text(
        f'{{"pid": {reused.pid}, "started": {reused.started}, "stop_signal": 9}}'
    )
    assert await pids.end_leftovers(records) == ["left"]
    assert not left.running or is_gone(left.pid)
    assert other.running
    assert list(records.iterdir()) == []
