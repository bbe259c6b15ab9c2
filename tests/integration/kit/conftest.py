"""A database with the kit's tables, opened in this process, and an event map for each test.

The tables of the customer service come along, as a database belongs to some service.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from factories.event_map import EventMap, event_map
from parlor_dev.backing import PostgresBacking
from parlor_dev.roles import DatabaseAccess
from parlor_kit.database import Database
from parlor_kit.migrate import migrate


@pytest.fixture(scope="module")
async def database_access(postgres_server: PostgresBacking) -> DatabaseAccess:
    access = await postgres_server.database("kit")
    await migrate(access.owner_url, access.app_url, "customer")
    return access


@pytest.fixture(scope="module")
async def database(database_access: DatabaseAccess) -> AsyncIterator[Database]:
    opened = Database(database_access.app_url, "customer")
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def rows(database_access: DatabaseAccess) -> AsyncIterator[asyncpg.Connection]:
    """A session of the test's own, with the kit's tables emptied."""
    connection = await asyncpg.connect(database_access.app_url)
    try:
        for table in ("outbox", "inbox", "idempotency_records"):
            await connection.execute(f"DELETE FROM {table}")
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def things(kafka_bootstrap: str, tmp_path: Path) -> EventMap:
    """A topic of this test's own, on the broker."""
    made = event_map(tmp_path)
    await made.make_topics(kafka_bootstrap)
    return made
