"""What `make up`, `make down`, `make status` and `make reset` do. Called by `__main__`.

`up` stays in the foreground and is the supervisor. The first Ctrl-C or SIGTERM stops everything
in order, the second at once. The other commands find it through the state folder.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from parlor_dev import accounts, checkout, console, kube_binaries, leash, pids, preflight
from parlor_dev.home import Home, default_home
from parlor_dev.kube import Kube
from parlor_dev.probe import is_ready
from parlor_dev.problems import Problem
from parlor_dev.stack import DEFAULT_PORT, Stack

_DOWN_POLLS = 600
_POLL_SECONDS = 0.1
_ONE_REQUEST_SECONDS = 0.5


async def up(replicas: Mapping[str, int], *, end_with_parent: bool) -> None:
    """Run the platform until it is told to stop."""
    if end_with_parent:
        leash.tie(signal.SIGTERM, os.getppid())
    home = default_home()
    preflight.check((home.folder, accounts.postgres_folder(home.folder), checkout.cache_folder()))
    asked = _StopRequests()
    began = time.monotonic()
    with console.Progress("starting Parlor") as progress:
        stack = Stack(
            home.folder,
            port=preflight.port_from_environment(DEFAULT_PORT),
            replicas=replicas,
            report=progress.report,
        )
        starting = asyncio.create_task(stack.start())
        if await asked.before(starting, 1):
            console.say("stopping while it starts")
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return
    kube = Kube(stack, console.say)
    console.banner(stack, time.monotonic() - began, kube=kube.headline)
    kube.begin()
    await asked.wait(1)
    console.say("stopping (again to stop at once)")
    stopping = asyncio.create_task(_stop(kube, stack))
    if await asked.before(stopping, 2):
        stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stopping
        await kube.stop(harsh=True)
        await stack.stop(harsh=True)
    console.say("stopped")


async def _stop(kube: Kube, stack: Stack) -> None:
    await kube.stop()
    await stack.stop()


async def kube_programs() -> None:
    """Compile what an API server of our own needs, and say where it is."""
    found = kube_binaries.find()
    if found is None:
        if not kube_binaries.can_build():
            console.say("no Go here to compile an API server with")
            return
        cache = checkout.cache_folder()
        cache.mkdir(parents=True, exist_ok=True)
        found = await kube_binaries.build(
            cache / "kube-build.log", cache / "kube-build.json", console.say
        )
    console.say(f"etcd and kube-apiserver are in {found.apiserver.parent}")


async def down() -> None:
    """Stop the stack that runs, and return when it is gone."""
    home = default_home()
    state = home.read_state()
    if not home.is_running() or state is None:
        console.say("nothing runs")
        return
    os.kill(state.pid, signal.SIGTERM)
    for _ in range(_DOWN_POLLS):
        if not home.is_running():
            console.say("stopped")
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise Problem(f"pid {state.pid} did not stop in 60 s: see {home.log}, then `kill -9` it")


async def status() -> None:
    home = default_home()
    state = home.read_state()
    if not home.is_running() or state is None:
        console.say(f"nothing runs on {home.folder}: `make up` starts it")
        return
    names = _recorded(home)
    ready = await asyncio.gather(*(_state_of(state.health.get(name)) for name in names))
    console.status_table(
        state.url,
        state.phase,
        {
            name: (str(pid), how, state.health.get(name, ""))
            for (name, pid), how in zip(names.items(), ready, strict=True)
        },
    )


async def reset() -> None:
    """Remove the state folder and all data in it."""
    home = default_home()
    if home.is_running():
        raise Problem("a stack runs on this state folder: `make down` first")
    if home.pids.exists():
        await pids.end_leftovers(home.pids)
    console.say(f"removed {home.folder}" if home.wipe() else "there was nothing to remove")


class _StopRequests:
    """Counts SIGINT, SIGTERM and SIGHUP instead of dying of them.

    Signals in quick succession are one request: a `kill` of the whole group reaches this process
    directly and through make.
    """

    def __init__(self) -> None:
        self._count = 0
        self._last = float("-inf")
        self._changed = asyncio.Condition()
        self._notices: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)

    async def wait(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._count >= count)

    async def before(self, task: asyncio.Task[None], count: int) -> bool:
        """Whether the `count`-th request came before `task` ended; its failure is raised."""
        waiting = asyncio.create_task(self.wait(count))
        try:
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if task.done():
            await task
            return False
        return True

    def _on_signal(self) -> None:
        now, before = time.monotonic(), self._last
        self._last = now
        if now - before < _ONE_REQUEST_SECONDS:
            return
        self._count += 1
        notice = asyncio.ensure_future(self._notify())
        self._notices.add(notice)
        notice.add_done_callback(self._notices.discard)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _recorded(home: Home) -> dict[str, int]:
    """Processes of the running stack, by name."""
    records = {path.stem: pids.read(path) for path in sorted(home.pids.glob("*.json"))}
    return {
        name: record.pid
        for name, record in records.items()
        if record is not None and pids.is_alive(record)
    }


async def _state_of(health: str | None) -> str:
    if health is None:
        return "runs"
    address = urlsplit(health)
    ready = await is_ready(address.hostname or "", address.port or 0)
    return "ready" if ready else "not ready"
