"""The whole platform on one machine, started in dependency order and stopped in reverse.

Used by `make up` (`commands`), by the fixtures of the tests and by the benchmarks:

    stack = Stack(home=folder, port=0, replicas={"chat": 2})
    await stack.start()
    ...
    await stack.stop()

What can run at the same time does: PostgreSQL and then the migrations beside Kafka, then every
service at once. It never leaves a process: what fails to start takes the rest down with it.
"""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from parlor_dev import accounts, first_admin, gateway, issuer, logfiles, pids, ports, roles
from parlor_dev.first_admin import FirstAdmin
from parlor_dev.home import Home, RunState
from parlor_dev.kafka import KafkaBroker
from parlor_dev.ports import HOST, PortReservations
from parlor_dev.postgres import PostgresServer
from parlor_dev.probe import answers_http, is_ready
from parlor_dev.problems import Problem
from parlor_dev.processes import Command, ManagedProcess, Ready, Report, silent
from parlor_dev.roles import DatabaseAccess
from parlor_dev.routing import SERVICES
from parlor_dev.services import (
    Backing,
    Commands,
    Layout,
    Program,
    check_replicas,
    plan,
    python_module,
)

DEFAULT_PORT = 8080
_MIGRATE_SECONDS = 120.0
_READY_SECONDS = 90.0
_LOG_CHECK_SECONDS = 30.0
_LOCK_POLLS = 300


class Stack:
    """See the module. Everything but the constructor and `start` needs a started stack."""

    def __init__(
        self,
        home: Path,
        *,
        port: int = DEFAULT_PORT,
        replicas: Mapping[str, int] | None = None,
        env: Mapping[str, Mapping[str, str]] | None = None,
        auto_restart: bool = True,
        temporary: bool = False,
        report: Report = silent,
        program: Program = python_module,
    ) -> None:
        """`env` adds variables by service (or "sidecar"); `temporary` data goes at `stop`."""
        check_replicas(replicas or {})
        self.home = Home(home)
        self.port = port
        self._replica_counts = dict(replicas or {})
        self._extra_env = dict(env or {})
        self._auto_restart = auto_restart
        self._temporary = temporary
        self._report = report
        self._program = program
        self._reservations = PortReservations()
        self._processes: dict[str, ManagedProcess] = {}
        self._health: dict[str, str] = {}
        self._databases: dict[str, DatabaseAccess] = {}
        self._chores: asyncio.Task[None] | None = None
        self._layout: Layout
        self._commands: Commands
        self._issuer: issuer.Issuer
        self.admin: FirstAdmin
        self.postgres: PostgresServer
        self.kafka: KafkaBroker

    @property
    def url(self) -> str:
        """The one origin."""
        return f"http://{HOST}:{self.port}"

    @property
    def admin_email(self) -> str:
        return self.admin.email

    @property
    def admin_password(self) -> str:
        return self.admin.password

    @property
    def kafka_bootstrap(self) -> str:
        return self.kafka.bootstrap

    @property
    def health_urls(self) -> Mapping[str, str]:
        """Base URL of /livez, /readyz and /metrics, by process."""
        return self._health

    @property
    def process_names(self) -> list[str]:
        return ["postgres", "kafka", *self._processes]

    def process(self, name: str) -> ManagedProcess:
        """`chat-api-1`, `chat-worker`, `game-bots`, `chat-sidecar-1`, ..., `gateway`, `kafka`."""
        if name == "kafka":
            return self.kafka.process
        return self.postgres.process if name == "postgres" else self._processes[name]

    def database_url(self, service: str, *, owner: bool = False) -> str:
        access = self._databases[service]
        return access.owner_url if owner else access.app_url

    def credential(self, caller: str, callee: str) -> str:
        """A fresh service credential, also for pairs that the platform does not use."""
        return self._issuer.credential(caller, callee)

    def internal_url(self, service: str, replica: int = 0) -> str:
        """Base URL of a replica's sidecar."""
        return f"http://{HOST}:{self._layout.replicas[service][replica].sidecar}"

    def public_urls(self, service: str) -> list[str]:
        """Base URL of each replica's public listener, past the gateway."""
        return [f"http://{HOST}:{replica.public}" for replica in self._layout.replicas[service]]

    async def start(self) -> None:
        """Start everything; on any failure stop what was started, and raise its cause."""
        self.home.create()
        await self._lock()
        try:
            await self._start()
        except BaseException:
            await self.stop(harsh=True)
            raise

    async def stop(self, *, harsh: bool = False) -> None:
        """Services drain first, then the gateway, then what they stand on. Safe to repeat."""
        self._write_state("stopping")
        if self._chores is not None:
            self._chores.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._chores
            self._chores = None
        groups = [("-api-", "-worker", "-bots", "-migrate"), ("-sidecar-",), ("gateway",)]
        if harsh:
            groups = [("",)]
        for parts in groups:
            stopping = [
                process.stop(harsh=harsh)
                for name, process in self._processes.items()
                if any(part in name for part in parts)
            ]
            await _all(*stopping)
        ends: list[Coroutine[Any, Any, None]] = []
        if hasattr(self, "kafka"):
            ends.append(self.kafka.stop(harsh=harsh))
        if hasattr(self, "postgres"):
            ends.append(self.postgres.stop(harsh=harsh))
        if hasattr(self, "_issuer"):
            ends.append(self._issuer.stop())
        await _all(*ends)
        if self._temporary and hasattr(self, "postgres"):
            self.postgres.remove_data()
        self._processes.clear()
        self._reservations.close()
        self.home.unlock()

    async def _lock(self) -> None:
        """Take the state folder; one that is just being stopped is worth a wait."""
        for attempt in range(_LOCK_POLLS):
            if self.home.lock():
                return
            running = self.home.read_state()
            if running is not None and running.phase != "stopping":
                break
            if attempt == 0:
                self._report("waiting for an earlier stack to end")
            await asyncio.sleep(0.1)
        where = f" (pid {running.pid}, {running.url})" if running else ""
        raise Problem(f"a stack runs on {self.home.folder} already{where}: see `make status`")

    async def _start(self) -> None:
        for name in await pids.end_leftovers(self.home.pids):
            self._report(f"ended {name}, left by a stack that was killed")
        if self.port == 0:
            self.port = self._reservations.take()
        elif not ports.is_free(self.port):
            raise Problem(
                f"port {self.port} is in use: choose another, as in "
                f"`PARLOR_PORT={self.port + 1} make up`"
            )
        self._describe()
        self._write_state("starting")
        self._chores = asyncio.create_task(self._bound_logs(), name="bound logs")
        await self._issuer.start()
        started = time.monotonic()
        await _all_or_none(
            self._start_gateway(),
            self._start_kafka(started),
            self._start_postgres(started),
        )
        await _all_or_none(*(self._start_service(service, started) for service in SERVICES))
        self._write_state("running")

    def _describe(self) -> None:
        """Decide every port and make or read every secret."""
        home, take = self.home, self._reservations.take
        key = home.secret("issuer.pem", issuer.new_key)
        self._issuer = issuer.Issuer(key, take(), home.credentials)
        self._layout = plan(self._replica_counts, self._reservations)
        folder = (
            accounts.temporary_postgres_folder()
            if self._temporary
            else accounts.postgres_folder(home.folder)
        )
        self.postgres = PostgresServer(
            folder,
            port=take(),
            password=home.secret("postgres-superuser", _password),
            log=home.log / "postgres.log",
            pid_file=home.pids / "postgres.json",
            report=self._report,
        )
        self.kafka = KafkaBroker(
            home.kafka,
            port=take(),
            controller_port=take(),
            log=home.log / "kafka.log",
            pid_file=home.pids / "kafka.json",
            report=self._report,
        )

    async def _start_gateway(self) -> None:
        public = {
            service: [replica.public for replica in replicas]
            for service, replicas in self._layout.replicas.items()
        }
        command = gateway.command(self.home.run / "gateway", self.port, public)
        await self._managed("gateway", command, lambda: answers_http(HOST, self.port)).start()

    async def _start_kafka(self, started: float) -> None:
        await self.kafka.start()
        self.kafka.process.auto_restart = self._auto_restart
        count = await self.kafka.make_topics()
        self._report(f"Kafka is ready, {count} topics ({_since(started)})")

    async def _start_postgres(self, started: float) -> None:
        self.postgres.process.auto_restart = self._auto_restart
        await self.postgres.start()
        url = self.postgres.url()
        await roles.prepare_server(url)
        self._report(f"PostgreSQL is ready ({_since(started)})")
        home = self.home
        for service in SERVICES:
            self._databases[service] = await roles.ensure_database(
                url,
                service,
                app_password=home.secret(f"{service}-database", _password),
                owner_password=home.secret(f"{service}-database-owner", _password),
            )
        self.admin = first_admin.decide(
            home, exists=await first_admin.is_made(self._databases["identity"].owner_url)
        )
        self._commands = Commands(
            self._layout,
            Backing(
                databases=self._databases,
                secret_keys={
                    service: home.secret(f"{service}-key", lambda: secrets.token_urlsafe(32))
                    for service in SERVICES
                },
                signing_key=home.secret("chat-signing-key", lambda: secrets.token_urlsafe(32)),
                kafka=self.kafka.bootstrap,
                jwks_url=self._issuer.jwks_url,
                issuer_url=self._issuer.url,
                sockets=home.sockets,
                credentials=home.credentials,
                admin_email=self.admin_email,
                admin_password=self.admin_password,
            ),
            self._extra_env,
            self._program,
        )
        await _all_or_none(*(self._migrate(service) for service in SERVICES))
        self._report(f"databases are migrated ({_since(started)})")

    async def _migrate(self, service: str) -> None:
        name = f"{service}-migrate"
        process = self._managed(name, self._commands.migrate(service), None)
        await process.run_to_end(_MIGRATE_SECONDS)
        del self._processes[name]

    async def _start_service(self, service: str, started: float) -> None:
        commands = self._commands
        starting = [
            self._served(f"{service}-{verb}", commands.worker(service, verb), health)
            for verb, health in self._layout.workers[service].items()
        ]
        for index, replica in enumerate(self._layout.replicas[service]):
            number = index + 1
            starting += [
                self._served(
                    f"{service}-api-{number}", commands.api(service, index), replica.health
                ),
                self._served(
                    f"{service}-sidecar-{number}",
                    commands.sidecar(service, index),
                    replica.sidecar_health,
                ),
            ]
        await _all_or_none(*(process.start() for process in starting))
        self._report(f"{service} is ready ({_since(started)})")

    def _served(self, name: str, command: Command, health_port: int) -> ManagedProcess:
        self._health[name] = f"http://{HOST}:{health_port}"
        return self._managed(name, command, lambda: is_ready(HOST, health_port))

    def _managed(self, name: str, command: Command, ready: Ready | None) -> ManagedProcess:
        process = ManagedProcess(
            name,
            command,
            log=self.home.log / f"{name}.log",
            pid_file=self.home.pids / f"{name}.json",
            ready=ready or _at_once,
            ready_seconds=_READY_SECONDS,
            report=self._report,
            auto_restart=self._auto_restart,
        )
        self._processes[name] = process
        return process

    def _write_state(self, phase: str) -> None:
        if self.home.run.exists():
            self.home.write_state(RunState(os.getpid(), self.url, phase, dict(self._health)))

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK_SECONDS)
            logfiles.bound_running(self.home.log)


async def _at_once() -> bool:
    return True


async def _all(*ends: Coroutine[Any, Any, None]) -> None:
    """Run every one to its end, then raise the first failure."""
    results = await asyncio.gather(*ends, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _all_or_none(*starts: Coroutine[Any, Any, None]) -> None:
    """Run all; when one fails, cancel the others before its failure goes on."""
    tasks = [asyncio.ensure_future(start) for start in starts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _password() -> str:
    return secrets.token_hex(16)


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"
