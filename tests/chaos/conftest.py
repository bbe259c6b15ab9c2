"""A platform that tests may break: two replicas of chat and game, processes restarted by hand."""

from collections.abc import AsyncIterator

import pytest
from parlor_dev.client import Api
from parlor_dev.stack import Stack


@pytest.fixture(scope="session")
async def fragile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    stack = Stack(
        tmp_path_factory.mktemp("fragile"),
        port=0,
        replicas={"chat": 2, "game": 2},
        auto_restart=False,
        temporary=True,
    )
    await stack.start()
    try:
        yield stack
    finally:
        await stack.stop()


@pytest.fixture
async def api(fragile: Stack) -> AsyncIterator[Api]:
    async with Api(fragile.url) as origin:
        yield origin
