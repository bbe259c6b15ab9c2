"""PostgreSQL and Kafka for tests that need only those.

Called by tests/conftest.py and the benchmarks. Containers where a Docker engine answers and has or
gets the images (PARLOR_TEST_POSTGRES_IMAGE, PARLOR_TEST_KAFKA_IMAGE), the native launchers of
`postgres` and `kafka` where none does; PARLOR_TEST_BACKING=native or =docker decides it by hand.
Either way the caller gets a fresh server that is gone afterwards.
"""

import asyncio
import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from parlor_kit import topics
from parlor_kit.kafka import Brokers

from parlor_dev import accounts, checkout, containers, roles
from parlor_dev.kafka import KafkaBroker
from parlor_dev.ports import PortReservations
from parlor_dev.postgres import PostgresServer
from parlor_dev.problems import Problem
from parlor_dev.roles import DatabaseAccess

_MODES = ("", "native", "docker")


class PostgresBacking:
    """A running server that makes databases."""

    def __init__(self, superuser_url: str) -> None:
        self.superuser_url = superuser_url
        self._numbers = itertools.count(1)

    async def database(self, name: str = "test") -> DatabaseAccess:
        """A new, empty database with an owner role and an app role, as a service has them."""
        return await roles.ensure_database(
            self.superuser_url,
            f"{name}_{next(self._numbers)}",
            app_password=secrets.token_hex(12),
            owner_password=secrets.token_hex(12),
        )


@asynccontextmanager
async def postgres() -> AsyncIterator[PostgresBacking]:
    if await _use_docker():
        async with containers.postgres() as url:
            yield await _prepared(url)
        return
    with _workplace() as (folder, ports):
        server = PostgresServer(
            accounts.temporary_postgres_folder(),
            port=ports.take(),
            password=secrets.token_hex(12),
            log=folder / "postgres.log",
            pid_file=folder / "postgres.json",
        )
        try:
            await server.start()
            yield await _prepared(server.url())
        finally:
            await server.stop()
            server.remove_data()


@asynccontextmanager
async def kafka() -> AsyncIterator[str]:
    """Bootstrap address of a broker that has the topics of kafka/topics.yaml."""
    if await _use_docker():
        wanted = topics.read_topics(checkout.kafka_folder() / "topics.yaml")
        async with containers.kafka() as bootstrap:
            await topics.ensure_topics(Brokers(bootstrap), wanted)
            yield bootstrap
        return
    with _workplace() as (folder, ports):
        broker = KafkaBroker(
            folder / "kafka",
            port=ports.take(),
            controller_port=ports.take(),
            log=folder / "kafka.log",
            pid_file=folder / "kafka.json",
        )
        try:
            await broker.start()
            await broker.make_topics()
            yield broker.bootstrap
        finally:
            await broker.stop()


@contextmanager
def _workplace() -> Iterator[tuple[Path, PortReservations]]:
    """A folder and ports that go away with the block."""
    folder = Path(tempfile.mkdtemp(prefix="parlor-backing-"))
    ports = PortReservations()
    try:
        yield folder, ports
    finally:
        ports.close()
        shutil.rmtree(folder, ignore_errors=True)


async def _prepared(url: str) -> PostgresBacking:
    await roles.prepare_server(url)
    return PostgresBacking(url)


async def _use_docker() -> bool:
    mode = os.environ.get("PARLOR_TEST_BACKING", "")
    if mode not in _MODES:
        raise Problem("PARLOR_TEST_BACKING is neither native nor docker")
    if mode:
        return mode == "docker"
    return await asyncio.to_thread(containers.usable)
