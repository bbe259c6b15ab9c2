"""Chat's database, emptied for each test, and archive expiry with the default periods on it."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from factories.chat_archive import (
    ADMIN,
    ANCIENT,
    FRESH,
    OLD,
    PERIODS,
    SIGNER,
    PlacesHold,
    make_month,
)
from parlor_chat.usecases.legal_holds import LegalHold
from parlor_chat.usecases.place_hold import place_hold
from parlor_chat.usecases.run_archive_expiry import RunArchiveExpiry
from parlor_dev.backing import PostgresBacking
from parlor_dev.roles import DatabaseAccess
from parlor_kit.database import Database
from parlor_kit.idempotency import Idempotency
from parlor_kit.migrate import migrate
from parlor_kit.sealing import Sealer


@pytest.fixture(scope="module")
async def database_access(postgres_server: PostgresBacking) -> DatabaseAccess:
    access = await postgres_server.database("chat")
    await migrate(access.owner_url, access.app_url, "chat")
    return access


@pytest.fixture(scope="module")
async def opened(database_access: DatabaseAccess) -> AsyncIterator[Database]:
    database = Database(database_access.app_url, "chat", pool=25)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def database(opened: Database, database_access: DatabaseAccess) -> Database:
    """The pool of the service's own role, on empty tables that have the months of the past.

    That of yesterday as well: a new database begins with the month of today.
    """
    owner = await asyncpg.connect(database_access.owner_url)
    try:
        names = await owner.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
            "AND tablename <> 'tortoise_migrations'"
        )
        await owner.execute(f"TRUNCATE {', '.join(row['tablename'] for row in names)} CASCADE")
        for age in (ANCIENT, OLD, FRESH):
            await make_month(owner, age)
    finally:
        await owner.close()
    return opened


@pytest.fixture
async def rows(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of our own, to write the past and to look behind the use cases."""
    connection = await asyncpg.connect(database.url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def owner(database_access: DatabaseAccess) -> AsyncIterator[asyncpg.Connection]:
    """The role that owns the tables, for faults that the service's role could not cause."""
    connection = await asyncpg.connect(database_access.owner_url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def expiry(database: Database) -> RunArchiveExpiry:
    """Archive expiry in batches of ten, so that a small test has many of them."""
    return RunArchiveExpiry(
        database, Idempotency(database, Sealer(b"k" * 32)), PERIODS, SIGNER, batch_messages=10
    )


@pytest.fixture
def small_batches(database: Database) -> RunArchiveExpiry:
    """Archive expiry that takes long over little, so that a test can get in between."""
    return RunArchiveExpiry(
        database, Idempotency(database, Sealer(b"k" * 32)), PERIODS, SIGNER, batch_messages=2
    )


@pytest.fixture
def hold(database: Database) -> PlacesHold:
    """Places a hold as the moderation API does, in a transaction of its own."""

    async def place(conversation_id: UUID, matter: str = "M-1") -> LegalHold:
        async with database.transaction() as transaction:
            placed, _ = await place_hold(
                transaction, ADMIN, conversation_id, matter=matter, reason="a court asks"
            )
        return placed

    return place
