"""Identity composed in this process, once a test module."""

from collections.abc import AsyncIterator

import pytest
from factories.identity_composed import Composed, composed_identity
from parlor_dev.backing import PostgresBacking


@pytest.fixture(scope="module")
async def composed(postgres_server: PostgresBacking) -> AsyncIterator[Composed]:
    async with composed_identity(await postgres_server.database("identity")) as parts:
        yield parts
