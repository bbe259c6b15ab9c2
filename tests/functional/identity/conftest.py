"""Identity in processes of its own, on a database of its own, for one test module."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from factories.identity_replicas import Identity, Replica, identity_database
from parlor_dev.backing import PostgresBacking


@pytest.fixture(scope="module")
async def identity(
    postgres_server: PostgresBacking, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Identity]:
    access = await postgres_server.database("identity")
    folder: Path = tmp_path_factory.mktemp("identity")
    async with identity_database(access, folder) as database:
        yield database


@pytest.fixture(scope="module")
async def replica(identity: Identity) -> AsyncIterator[Replica]:
    async with identity.replica() as running:
        yield running
