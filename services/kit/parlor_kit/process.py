"""The commands that every service has: `python -m parlor_<service> api|worker|migrate|...`.

A service's `bootstrap.py` composes an `Api` and a `Worker`; this module runs them: uvloop, signals,
listeners, background tasks that end the process when they fail, and the drain in order.
"""

import argparse
import asyncio
import contextlib
import gc
import signal
import sys
import time
import tomllib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from aiokafka.errors import KafkaError

from parlor_kit import logs
from parlor_kit.consumer import Inbox
from parlor_kit.database import Database
from parlor_kit.dead_letters import DeadLetters
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.events import Schemas
from parlor_kit.http import build_app, mount, mount_docs
from parlor_kit.hub import Hub
from parlor_kit.migrate import await_migration, migrate
from parlor_kit.parked import ParkedEvents
from parlor_kit.principal import Users
from parlor_kit.routing import Routes
from parlor_kit.sealing import Sealer
from parlor_kit.serving import Health, Listener, ReadyChecks, health_app
from parlor_kit.settings import ServiceSettings

log = logs.get("process")

VERSION = "0.1.0"
Background = Callable[[], Coroutine[Any, Any, None]]


@dataclass
class Api:
    """What an api process serves and runs."""

    public: Routes
    internal: Routes
    services: Any
    users: Users
    sealer: Sealer
    ready: ReadyChecks
    background: Mapping[str, Background] = field(default_factory=dict)
    hub: Hub | None = None
    close: Callable[[], Awaitable[None]] | None = None


@dataclass
class Worker:
    """What a worker process runs: relay, consumer, jobs."""

    background: Mapping[str, Background]
    ready: ReadyChecks
    close: Callable[[], Awaitable[None]] | None = None


Command = Callable[[Any, list[str]], Awaitable[int]]


@dataclass(frozen=True)
class Service:
    """A service as its `__main__` hands it over.

    `workers` are further worker processes beside the one that all have, each with what it does;
    `commands` add to the commands that all have.
    """

    name: str
    settings: type[ServiceSettings]
    api: Callable[[Any], Awaitable[Api]]
    worker: Callable[[Any], Awaitable[Worker]]
    inbox: Callable[[Any, Database, Schemas], Inbox] | None = None
    workers: Mapping[str, tuple[str, Callable[[Any], Awaitable[Worker]]]] = field(
        default_factory=dict
    )
    commands: Mapping[str, tuple[str, Command]] = field(default_factory=dict)


def main(service: Service) -> None:
    """Parse the command line and run one command; exits with its status."""
    parser = argparse.ArgumentParser(
        prog=f"python -m parlor_{service.name}", description=f"Parlor's {service.name} service."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("api", help="serve the public, internal and health listeners")
    commands.add_parser("worker", help="carry events to Kafka, consume, run periodic jobs")
    for name, (summary, _) in service.workers.items():
        commands.add_parser(name, help=summary)
    migrating = commands.add_parser("migrate", help="bring the database up, as its owner")
    migrating.add_argument("--seconds", type=float, default=0, help="wait for it so long (0)")
    waiting = commands.add_parser("await-migration", help="wait until the database has been")
    waiting.add_argument("--seconds", type=float, default=300, help="how long at most (300)")
    if service.inbox is not None:
        letters = commands.add_parser(
            "dead-letters", help="list or replay dead letters and parked events"
        )
        letters.add_argument("action", choices=("list", "replay"))
    for name, (summary, _) in service.commands.items():
        commands.add_parser(name, help=summary, add_help=False)
    arguments, rest = parser.parse_known_args()
    if rest and arguments.command not in service.commands:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.arguments = rest
    settings = service.settings.load()
    logs.configure(service.name, settings.parlor_log_level)
    sys.exit(uvloop.run(_run(service, settings, arguments)))


async def _run(service: Service, settings: Any, arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "api":
            return await _serve(service, settings)
        case "worker":
            return await _work(service.name, "worker", service.worker, settings)
        case name if name in service.workers:
            return await _work(service.name, name, service.workers[name][1], settings)
        case "migrate":
            return await _migrate(service, settings, arguments.seconds)
        case "await-migration":
            return await _await_migration(service, settings, arguments.seconds)
        case "dead-letters":
            return await _dead_letters(service, settings, arguments.action)
        case other:
            return await service.commands[other][1](settings, arguments.arguments)


async def _migrate(service: Service, settings: ServiceSettings, seconds: float) -> int:
    owner = settings.parlor_migration_database_url
    if owner is None:
        print("parlor: setting PARLOR_MIGRATION_DATABASE_URL: is needed", file=sys.stderr)  # noqa: T201
        return 2
    deadline = time.monotonic() + seconds
    while True:
        try:
            await migrate(owner.get_secret_value(), settings.database_url, service.name)
            return 0
        except DependencyUnavailable as fault:
            if time.monotonic() > deadline:
                print(f"parlor: {fault.detail}", file=sys.stderr)  # noqa: T201
                return 1
        await asyncio.sleep(0.5)


async def _await_migration(service: Service, settings: ServiceSettings, seconds: float) -> int:
    try:
        await await_migration(settings.database_url, service.name, seconds)
    except DependencyUnavailable as fault:
        print(f"parlor: {fault.detail}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _dead_letters(service: Service, settings: ServiceSettings, action: str) -> int:
    schemas = Schemas(settings.parlor_schemas_dir)
    letters = DeadLetters(service.name, schemas, settings.brokers)
    database = Database(settings.database_url, service.name)
    await database.open()
    parked, found = ParkedEvents(database), []
    try:
        if action == "list":
            found += await parked.waiting()
            found += await letters.waiting()
        else:
            assert service.inbox is not None  # noqa: S101 - the parser offers this only then
            found += await parked.give_back()
            found += await letters.replay(service.inbox(settings, database, schemas))
    except (DependencyUnavailable, KafkaError, OSError) as fault:
        what = fault.detail if isinstance(fault, DependencyUnavailable) else "Kafka does not answer"
        print(f"parlor: {what}; what was not replayed is still waiting", file=sys.stderr)  # noqa: T201
        return 1
    finally:
        await database.close()
        for letter in found:
            print(  # noqa: T201
                f"{letter.topic}\t{letter.offset}\t{letter.key}\t{letter.outcome}\t{letter.error}"
            )
    print(f"{len(found)} dead letters", file=sys.stderr)  # noqa: T201
    return 1 if any(letter.outcome.startswith("failed") for letter in found) else 0


class _Running:
    """Signals and background tasks of a process: it ends on SIGTERM or when a task dies."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.failed = False
        self._tasks: list[asyncio.Task[None]] = []
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop.set)

    def start(self, background: Mapping[str, Background]) -> None:
        for name, work in background.items():
            task = asyncio.get_running_loop().create_task(work(), name=name)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("process.task_died", task=task.get_name(), exc_info=task.exception())
            self.failed = True
            self.stop.set()

    async def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


async def _serve(service: Service, settings: ServiceSettings) -> int:
    running = _Running()
    api = await service.api(settings)
    _refuse_unguarded(service.name, api.internal)
    health = Health(api.ready)
    public = build_app(
        f"parlor-{service.name}-public", trusted_proxies=settings.parlor_trusted_proxies
    )
    mount(public, api.public, services=api.services, users=api.users, sealer=api.sealer)
    mount_docs(public, service.name, api.public, VERSION)
    listeners = [
        Listener(public, host=settings.parlor_public_host, port=settings.parlor_public_port)
    ]
    if settings.parlor_internal_socket is not None:
        internal = build_app(f"parlor-{service.name}-internal")
        mount(internal, api.internal, services=api.services, users=api.users, sealer=api.sealer)
        listeners.append(Listener(internal, unix=settings.parlor_internal_socket))
    side = Listener(
        health_app(f"parlor-{service.name}-health", health),
        host=settings.parlor_health_host,
        port=settings.parlor_health_port,
    )
    running.start(api.background)
    for listener in (*listeners, side):
        await listener.start()
    # What lives now lives on; what a request allocates is freed by its last reference. So the
    # collector looks rarely, and never at the modules.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    log.info("process.serving", port=settings.parlor_public_port)
    await running.stop.wait()
    log.info("process.draining")
    health.draining = True
    for listener in listeners:
        listener.stop_accepting()
    if api.hub is not None:
        await api.hub.drain(settings.parlor_drain_seconds)
    await asyncio.gather(*(li.drain(settings.parlor_drain_seconds) for li in listeners))
    await running.cancel()
    if api.close is not None:
        await api.close()
    side.stop_accepting()
    log.info("process.stopped")
    return 1 if running.failed else 0


async def _work(
    service: str,
    name: str,
    compose: Callable[[Any], Awaitable[Worker]],
    settings: ServiceSettings,
) -> int:
    running = _Running()
    worker = await compose(settings)
    health = Health(worker.ready)
    side = Listener(
        health_app(f"parlor-{service}-{name}-health", health),
        host=settings.parlor_health_host,
        port=settings.parlor_health_port,
    )
    running.start(worker.background)
    await side.start()
    log.info("process.working")
    await running.stop.wait()
    health.draining = True
    await running.cancel()
    if worker.close is not None:
        await worker.close()
    side.stop_accepting()
    log.info("process.stopped")
    return 1 if running.failed else 0


def sidecar_policy(service: str) -> Path:
    """The deny-by-default policy file of a service's internal routes."""
    import importlib

    package = importlib.import_module(f"parlor_{service}")
    return Path(str(package.__file__)).with_name("sidecar.toml")


def _refuse_unguarded(service: str, internal: Routes) -> None:
    """Do not start when an internal route has no entry in the sidecar's policy."""
    policy = tomllib.loads(sidecar_policy(service).read_text())
    allowed = {(row["method"], row["path"]) for row in policy.get("allow", ())}
    for route in internal.http:
        if (route.method, route.path) not in allowed:
            raise SystemExit(f"parlor: {route.method} {route.path} is not in sidecar.toml")
