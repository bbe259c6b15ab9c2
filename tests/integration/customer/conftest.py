"""The customer service in this process, on a real PostgreSQL, with a stand-in for identity."""

import base64
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
from factories.identity_stand_in import IdentityStandIn, User, identity_stand_in
from factories.running_api import Reply, RunningApi, running_api
from parlor_customer import bootstrap
from parlor_customer.settings import CustomerSettings
from parlor_dev.backing import PostgresBacking
from parlor_dev.roles import DatabaseAccess
from parlor_kit.database import Database
from parlor_kit.migrate import migrate

MakeInvite = Callable[..., Awaitable[dict[str, str]]]
Relate = Callable[[User, User], Awaitable[dict[str, str]]]


@pytest.fixture(scope="module")
async def database_access(postgres_server: PostgresBacking) -> DatabaseAccess:
    access = await postgres_server.database("customer")
    await migrate(access.owner_url, access.app_url, "customer")
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
async def customer(
    database_access: DatabaseAccess,
    identity: IdentityStandIn,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[RunningApi]:
    folder: Path = tmp_path_factory.mktemp("customer")
    (folder / "identity").write_text("a credential for identity")
    settings = CustomerSettings.load(
        parlor_database_url=database_access.app_url,
        parlor_kafka_bootstrap="127.0.0.1:1",
        parlor_secret_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        parlor_jwks_url=identity.jwks_url,
        parlor_identity_url=identity.url,
        parlor_credentials_dir=folder,
    )
    async with running_api("customer", await bootstrap.api(settings), folder) as running:
        yield running


@pytest.fixture(scope="module")
def database(customer: RunningApi, database_access: DatabaseAccess) -> Database:
    """The pool that the running service has opened in this process."""
    return Database(database_access.app_url, "customer")


@pytest.fixture
def make_invite(customer: RunningApi) -> MakeInvite:
    """An invite of a distributor, as its 201 answer shows it."""

    async def make(distributor: User, **terms: object) -> dict[str, str]:
        answer = await customer.public.call(
            "POST", "/api/v1/invites", headers=distributor.authorization, json=terms
        )
        assert answer.status == 201, answer.body
        made: dict[str, str] = answer.body
        return made

    return make


@pytest.fixture
def redeem(customer: RunningApi) -> Callable[..., Awaitable[Reply]]:
    async def send(user: User, token: str, key: str | None = None) -> Reply:
        return await customer.public.call(
            "POST", f"/api/v1/invites/{token}/redeem", headers=user.authorization, key=key
        )

    return send


@pytest.fixture
def relate(make_invite: MakeInvite, redeem: Callable[..., Awaitable[Reply]]) -> Relate:
    """Make `user` a customer of `distributor`."""

    async def begin(distributor: User, user: User) -> dict[str, str]:
        answer = await redeem(user, (await make_invite(distributor))["token"])
        assert answer.status == 201, answer.body
        relationship: dict[str, str] = answer.body["relationship"]
        return relationship

    return begin
