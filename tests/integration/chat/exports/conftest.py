"""Chat's routes in this process, on emptied tables, and the worker's job that builds exports."""

import base64
import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import asyncpg
import pytest
from factories.customer_stand_in import CustomerStandIn, customer_stand_in
from factories.export_desk import ExportDesk
from factories.identity_stand_in import IdentityStandIn, identity_stand_in
from factories.running_api import RunningApi, running_api
from parlor_chat import bootstrap
from parlor_chat.consumers import reactions
from parlor_chat.ports import Entitlement, Pair
from parlor_chat.settings import ChatSettings
from parlor_chat.usecases.erase_messages import EraseMessages
from parlor_dev import checkout
from parlor_dev.backing import PostgresBacking
from parlor_dev.roles import DatabaseAccess
from parlor_kit.consumer import Inbox
from parlor_kit.database import Database
from parlor_kit.events import Schemas
from parlor_kit.migrate import migrate


@pytest.fixture(scope="module")
async def database_access(postgres_server: PostgresBacking) -> DatabaseAccess:
    access = await postgres_server.database("chat")
    await migrate(access.owner_url, access.app_url, "chat")
    return access


@pytest.fixture(scope="module")
async def identity() -> AsyncIterator[IdentityStandIn]:
    async with identity_stand_in() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
async def customer() -> AsyncIterator[CustomerStandIn]:
    async with customer_stand_in() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def settings(
    database_access: DatabaseAccess,
    identity: IdentityStandIn,
    customer: CustomerStandIn,
    tmp_path_factory: pytest.TempPathFactory,
) -> ChatSettings:
    credentials = tmp_path_factory.mktemp("credentials")
    (credentials / "customer").write_text("credential of chat")
    return ChatSettings.load(
        parlor_database_url=database_access.app_url,
        parlor_kafka_bootstrap="127.0.0.1:1",
        parlor_secret_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        chat_signing_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        parlor_jwks_url=identity.jwks_url,
        parlor_customer_url=customer.url,
        parlor_credentials_dir=credentials,
    )


@pytest.fixture(scope="module")
async def served(
    settings: ChatSettings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningApi]:
    folder: Path = tmp_path_factory.mktemp("chat")
    async with running_api("chat", await bootstrap.api(settings), folder) as running:
        yield running


@pytest.fixture
async def database(served: RunningApi, database_access: DatabaseAccess) -> Database:
    """The pool that the running service has opened in this process, on empty tables."""
    owner = await asyncpg.connect(database_access.owner_url)
    try:
        names = await owner.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
            "AND tablename <> 'tortoise_migrations'"
        )
        await owner.execute(f"TRUNCATE {', '.join(row['tablename'] for row in names)} CASCADE")
    finally:
        await owner.close()
    return Database(database_access.app_url, "chat")


@pytest.fixture
async def rows(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of our own, to write the past and to look behind the use cases."""
    connection = await asyncpg.connect(database.url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def desk(
    served: RunningApi, identity: IdentityStandIn, database: Database, settings: ChatSettings
) -> ExportDesk:
    admin, moderator = identity.user("admin"), identity.user("moderator")
    return ExportDesk(served, admin, moderator, database, settings.signer)


class NobodyAsks:
    """Who is disabled needs no entitlement, so that an erasure works while customer is away."""

    async def check(self, pairs: Sequence[Pair]) -> Sequence[Entitlement]:
        raise AssertionError(f"asked about {pairs}")


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database, Schemas(checkout.kafka_folder()), reactions(NobodyAsks()))


@pytest.fixture
def erase(database: Database) -> EraseMessages:
    return EraseMessages(database, batch=3)
