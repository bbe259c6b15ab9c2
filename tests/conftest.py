"""Fixtures that every level of tests may ask for: servers alone, or the running platform.

Each is started once per test run, when the first test asks for it, and is gone at the end of it.
"""

from collections.abc import AsyncIterator

import pytest
from parlor_dev import backing
from parlor_dev.stack import Stack


@pytest.fixture(scope="session")
async def postgres_server() -> AsyncIterator[backing.PostgresBacking]:
    """A fresh PostgreSQL; `await postgres_server.database("chat")` makes an empty database."""
    async with backing.postgres() as server:
        yield server


@pytest.fixture(scope="session")
async def kafka_bootstrap() -> AsyncIterator[str]:
    """Address of a fresh Kafka that has the topics of kafka/topics.yaml."""
    async with backing.kafka() as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The whole platform behind one origin. Tests that stop parts of it start their own Stack."""
    stack = Stack(tmp_path_factory.mktemp("platform"), port=0, temporary=True)
    await stack.start()
    try:
        yield stack
    finally:
        await stack.stop()
