"""Answers that are streamed: whole and in order, or visibly cut; never a piece that looks whole."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from factories.running_api import RunningApi, running_api
from factories.tokens import UserTokens
from parlor_kit.answers import StreamedAnswer
from parlor_kit.errors import NotFound
from parlor_kit.jwks import StaticKeys
from parlor_kit.principal import USER_AUDIENCE, Users
from parlor_kit.process import Api
from parlor_kit.routing import ANYONE, Call, Route, Routes
from parlor_kit.sealing import Sealer
from parlor_kit.tokens import Verifier

pytestmark = pytest.mark.integration

PARTS = [bytes([65 + number]) * 100_000 for number in range(20)]


async def _parts(fault_after: int | None) -> AsyncIterator[bytes]:
    for number, part in enumerate(PARTS):
        if number == fault_after:
            raise RuntimeError("the source broke off")
        yield part


async def whole(_: Call[None]) -> StreamedAnswer:
    """Stream everything."""
    return StreamedAnswer("application/x-ndjson", _parts(None), {"x-name": "whole"})


async def broken(_: Call[None]) -> StreamedAnswer:
    """Break off in the middle."""
    return StreamedAnswer("application/x-ndjson", _parts(10))


async def refused(_: Call[None]) -> StreamedAnswer:
    """Refuse before the first part."""
    raise NotFound()


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningApi]:
    routes = Routes(
        http=tuple(
            Route(
                "GET",
                f"/{function.__name__}",
                function,
                ANYONE,
                answers={200: None},
                streams="application/x-ndjson",
            )
            for function in (whole, broken, refused)
        )
    )
    keys = StaticKeys(UserTokens().jwks())
    api = Api(
        public=routes,
        internal=Routes(http=()),
        services=None,
        users=Users(Verifier(keys, issuer="nobody", audience=USER_AUDIENCE)),
        sealer=Sealer(b"k" * 32),
        ready={},
    )
    async with running_api("kit", api, tmp_path_factory.mktemp("kit")) as running:
        yield running


async def test_all_parts_arrive_in_order_with_their_headers(served: RunningApi) -> None:
    reply = await served.public.call("GET", "/whole", headers={"x-request-id": "stream-1"})
    assert (reply.status, reply.body == b"".join(PARTS)) == (200, True)
    assert reply.headers["content-type"] == "application/x-ndjson"
    assert (reply.headers["x-name"], reply.headers["x-request-id"]) == ("whole", "stream-1")


async def test_a_fault_in_the_middle_cuts_the_connection(served: RunningApi) -> None:
    with pytest.raises(aiohttp.ClientError):
        await served.public.call("GET", "/broken")


async def test_what_is_refused_before_is_an_ordinary_problem(served: RunningApi) -> None:
    reply = await served.public.call("GET", "/refused")
    assert (reply.status, reply.code) == (404, "not_found")
