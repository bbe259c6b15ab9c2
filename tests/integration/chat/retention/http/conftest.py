"""Chat's routes in this process, on the emptied tables of the tests beside."""

import base64
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from factories.identity_stand_in import IdentityStandIn, identity_stand_in
from factories.moderation_desk import Desk
from factories.running_api import RunningApi, running_api
from parlor_chat import bootstrap
from parlor_chat.settings import ChatSettings
from parlor_dev.roles import DatabaseAccess
from parlor_kit.database import Database


@pytest.fixture(scope="module")
async def identity() -> AsyncIterator[IdentityStandIn]:
    async with identity_stand_in() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
async def served(
    database_access: DatabaseAccess,
    identity: IdentityStandIn,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[RunningApi]:
    folder: Path = tmp_path_factory.mktemp("chat")
    settings = ChatSettings.load(
        parlor_database_url=database_access.app_url,
        parlor_kafka_bootstrap="127.0.0.1:1",
        parlor_secret_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        chat_signing_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        parlor_jwks_url=identity.jwks_url,
        parlor_credentials_dir=folder,
        chat_early_expiry=True,
    )
    async with running_api("chat", await bootstrap.api(settings), folder) as running:
        yield running


@pytest.fixture(scope="module")
def opened(served: RunningApi, database_access: DatabaseAccess) -> Database:
    """The pool that the running service has opened in this process."""
    return Database(database_access.app_url, "chat")


@pytest.fixture
def desk(served: RunningApi, identity: IdentityStandIn, database: Database) -> Desk:
    return Desk(served, identity.user("admin"), identity.user("moderator"), identity)
