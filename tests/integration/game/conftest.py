"""The game service in this process, on a real PostgreSQL, with stand-ins for its neighbours."""

import base64
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from factories.customer_stand_in import CustomerStandIn, customer_stand_in
from factories.identity_stand_in import IdentityStandIn, User, identity_stand_in
from factories.running_api import RunningApi, running_api
from factories.time_passing import look_after_clocks
from parlor_dev.backing import PostgresBacking
from parlor_dev.roles import DatabaseAccess
from parlor_game import bootstrap
from parlor_game.settings import GameSettings
from parlor_kit.migrate import migrate


@pytest.fixture(scope="module")
async def database_access(postgres_server: PostgresBacking) -> DatabaseAccess:
    access = await postgres_server.database("game")
    await migrate(access.owner_url, access.app_url, "game")
    return access


@pytest.fixture(scope="module")
async def rows(database_access: DatabaseAccess) -> AsyncIterator[asyncpg.Connection]:
    """The tables as they stand, for a look behind the API."""
    connection = await asyncpg.connect(database_access.app_url)
    try:
        yield connection
    finally:
        await connection.close()


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
) -> GameSettings:
    folder: Path = tmp_path_factory.mktemp("credentials")
    (folder / "customer").write_text("a credential for customer")
    return GameSettings.load(
        parlor_database_url=database_access.app_url,
        parlor_kafka_bootstrap="127.0.0.1:1",
        parlor_secret_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        parlor_jwks_url=identity.jwks_url,
        parlor_customer_url=customer.url,
        parlor_credentials_dir=folder,
    )


@pytest.fixture(scope="module")
async def game(
    settings: GameSettings, rows: asyncpg.Connection, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningApi]:
    """One replica, whose clocks tick when a test wants it."""
    api = await bootstrap.api(settings)
    await look_after_clocks(rows)
    async with running_api("game", api, tmp_path_factory.mktemp("game")) as running:
        yield running


@pytest.fixture
def people(identity: IdentityStandIn) -> Callable[[int], list[User]]:
    """So many new customers."""
    return lambda count: [identity.user("customer") for _ in range(count)]


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session
