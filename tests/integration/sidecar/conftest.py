"""One sidecar process for the whole run; a test sees only what happened since it began."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from factories.polling import until
from factories.sidecars import RunningSidecar, running_sidecar


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_sidecar(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSidecar]:
    folder = tmp_path_factory.mktemp("sidecar")
    async with running_sidecar(folder, jwks_refetch_seconds="0.2") as sidecar:
        yield sidecar


@pytest_asyncio.fixture(loop_scope="session")
async def sidecar(shared_sidecar: RunningSidecar) -> AsyncIterator[RunningSidecar]:
    await _told_all(shared_sidecar)
    shared_sidecar.app.reached.clear()
    shared_sidecar.app.release.clear()
    shared_sidecar.lines.clear()
    yield shared_sidecar
    await shared_sidecar.hang_up()


async def _told_all(sidecar: RunningSidecar) -> None:
    """Wait for what the sidecar writes of the tests before: its lines come after its answers."""
    last = uuid4().hex
    await sidecar.ask(sidecar.request("/nowhere", "GET", f"X-Request-ID: {last}"))
    await until(lambda: any(line["request_id"] == last for line in sidecar.decisions()))
    await sidecar.hang_up()
