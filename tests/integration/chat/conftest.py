"""Chat alone for its integration tests: one set of processes for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
from factories.chat_processes import ChatProcesses, chat_processes
from parlor_dev.backing import PostgresBacking


@pytest.fixture(scope="session")
async def chat(
    postgres_server: PostgresBacking,
    kafka_bootstrap: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[ChatProcesses]:
    """Two api replicas and a worker of chat; everybody is entitled unless parted."""
    database = await postgres_server.database("chat")
    folder = tmp_path_factory.mktemp("chat")
    async with chat_processes(database, kafka_bootstrap, folder, replicas=2) as running:
        yield running


@pytest.fixture
async def rows(chat: ChatProcesses) -> AsyncIterator[asyncpg.Connection]:
    """A connection to chat's database, to look at what is stored."""
    connection = await asyncpg.connect(chat.database.app_url)
    try:
        yield connection
    finally:
        await connection.close()
