"""Identity's accounts as the adapter reads them over HTTP, and what it makes of bad answers."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from factories.answering_server import AnsweringServer, answering_server
from parlor_customer.adapters.identity_directory import IdentityDirectory
from parlor_customer.ports import AccountState
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.ids import new_id
from parlor_kit.internal import InternalClient


@pytest.fixture
async def server() -> AsyncIterator[AnsweringServer]:
    async with answering_server() as running:
        yield running


@pytest.fixture
async def directory(server: AnsweringServer, tmp_path: Path) -> AsyncIterator[IdentityDirectory]:
    (tmp_path / "identity").write_text("credential")
    client = InternalClient("identity", server.url, tmp_path)
    yield IdentityDirectory(client)
    await client.close()


async def test_accounts_are_read(server: AnsweringServer, directory: IdentityDirectory) -> None:
    state = AccountState(new_id(), "a@b.org", "Ann", "customer", "active", 3)
    stated = {name: getattr(state, name) for name in AccountState.__slots__}
    server.answers = [(200, {"users": [stated | {"id": str(state.id), "later": "field"}]})]
    assert await directory.accounts([state.id]) == [state]
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/internal/v1/users/batch")
    assert request.body == {"ids": [str(state.id)]}


@pytest.mark.parametrize(
    "answer",
    [
        (404, {"code": "not_found"}),
        (422, {"code": "validation_failed"}),
        (200, {"people": []}),
        (200, {"users": [{"id": "7"}]}),
        (200, []),
    ],
)
async def test_an_answer_that_is_not_understood_is_no_answer(
    server: AnsweringServer, directory: IdentityDirectory, answer: tuple[int, Any]
) -> None:
    server.answers = [answer]
    with pytest.raises(DependencyUnavailable):
        await directory.accounts([new_id()])
