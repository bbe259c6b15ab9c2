"""One child process: started, watched, waited for, started again, ended with all it started.

`postgres`, `kafka`, `gateway` and `services` describe a process as a `Command`; `stack` and
`backing` run it as a `ManagedProcess`. Every child leads a process group of its own (so a Ctrl-C
in the terminal reaches only the supervisor, which stops the others in order) and is tied to the
supervisor's life by `leash`. No wait here is without a bound.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from parlor_dev import logfiles, pids

_LEASH = Path(__file__).with_name("leash.py")
_BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_STEADY_SECONDS = 30.0
_POLL_SECONDS = 0.05

Ready = Callable[[], Awaitable[bool]]
Report = Callable[[str], None]


class ProcessFailed(Exception):
    """A process ended before it was ready, or was not ready in time. Holds the end of its log."""


@dataclass(frozen=True)
class Command:
    """How to run a process and how it wants to be ended."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 15.0
    harsh_signal: int = signal.SIGKILL
    # What the kernel sends when the supervisor dies without stopping anything.
    death_signal: int = signal.SIGKILL


async def always_ready() -> bool:
    return True


def silent(line: str) -> None:
    """Report nothing: for callers that show no lines."""


class ManagedProcess:
    """A named process. `start` returns when it is ready; a death nobody asked for restarts it."""

    def __init__(
        self,
        name: str,
        command: Command,
        *,
        log: Path,
        pid_file: Path,
        ready: Ready = always_ready,
        ready_seconds: float = 60.0,
        report: Report = silent,
        auto_restart: bool = True,
    ) -> None:
        self.name = name
        self.command = command
        self.log = log
        self.auto_restart = auto_restart
        self.restarts = 0
        self._pid_file = pid_file
        self._ready = ready
        self._ready_seconds = ready_seconds
        self._report = report
        self._child: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._wanted = False
        self._started_at = 0.0

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.returncode is None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self.running else None

    async def start(self) -> None:
        """Start and wait until ready. A process that ends before it is ready is not tried again."""
        self._wanted = True
        if self.running:
            await self.wait_ready()
            return
        await self._end_watcher()
        await self._spawn()
        try:
            await self.wait_ready(give_up_on_death=True)
        except ProcessFailed:
            await self.stop(harsh=True)
            raise
        self._watcher = asyncio.create_task(self._watch(), name=f"watch {self.name}")

    async def wait_ready(self, *, give_up_on_death: bool = False) -> None:
        """Wait until it answers, also across restarts that the watcher makes meanwhile."""
        deadline = time.monotonic() + self._ready_seconds
        while not await self._ready():
            if give_up_on_death and not self.running:
                raise ProcessFailed(f"{self.name} ended at start; {self._last_words()}")
            if time.monotonic() > deadline:
                raise ProcessFailed(
                    f"{self.name} was not ready in {self._ready_seconds:.0f} s; "
                    f"{self._last_words()}"
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def run_to_end(self, seconds: float) -> None:
        """Run a process that does one thing and exits, and fail if it does not exit with 0."""
        await self._spawn()
        child = self._child
        if child is None:
            raise ProcessFailed(f"{self.name} did not start")
        try:
            async with asyncio.timeout(seconds):
                status = await child.wait()
        except TimeoutError:
            await self.stop(harsh=True)
            raise ProcessFailed(
                f"{self.name} did not end in {seconds:.0f} s; {self._last_words()}"
            ) from None
        except asyncio.CancelledError:
            await self.stop(harsh=True)
            raise
        self._pid_file.unlink(missing_ok=True)
        if status != 0:
            raise ProcessFailed(f"{self.name} ended with {status}; {self._last_words()}")

    async def stop(self, *, harsh: bool = False) -> None:
        """Ask it to end, insist after its stop time, and leave nothing of its group."""
        self._wanted = False
        child = self._child
        if child is not None and child.returncode is None:
            number = self.command.harsh_signal if harsh else self.command.stop_signal
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, number)
            try:
                async with asyncio.timeout(3.0 if harsh else self.command.stop_seconds):
                    await child.wait()
            except TimeoutError:
                self._report(f"{self.name} did not end when asked, killing it")
                pids.signal_group(child.pid, signal.SIGKILL)
                await child.wait()
        if child is not None:
            pids.signal_group(child.pid, signal.SIGKILL)
        await self._end_watcher()
        self._pid_file.unlink(missing_ok=True)

    async def kill(self) -> None:
        """SIGKILL, as a crash would; it starts again by itself while `auto_restart` is on."""
        child = self._child
        if child is not None and child.returncode is None:
            pids.signal_group(child.pid, signal.SIGKILL)
            await child.wait()

    async def _spawn(self) -> None:
        logfiles.rotate(self.log)
        command = self.command
        leash = (sys.executable, "-I", "-S", str(_LEASH))
        account = "-" if command.user is None else str(command.user)
        tie = (str(int(command.death_signal)), str(os.getpid()), account)
        with self.log.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *leash,
                *tie,
                *command.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(command.env),
                cwd="/",
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        pids.write(self._pid_file, self._child.pid, command.stop_signal)

    async def _watch(self) -> None:
        """Start it again after a death that nobody asked for, more slowly each time."""
        attempt = 0
        while (child := self._child) is not None:
            status = await child.wait()
            pids.signal_group(child.pid, signal.SIGKILL)
            if not (self._wanted and self.auto_restart):
                return
            if time.monotonic() - self._started_at > _STEADY_SECONDS:
                attempt = 0
            pause = _BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)]
            attempt += 1
            self.restarts += 1
            self._report(f"{self.name} ended ({_how(status)}), starting it again in {pause} s")
            await asyncio.sleep(pause)
            if self._wanted and self.auto_restart:
                await self._spawn()

    async def _end_watcher(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None and watcher is not asyncio.current_task():
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher

    def _last_words(self) -> str:
        return f"see {self.log}: {logfiles.last_line(self.log)}"


def _how(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
