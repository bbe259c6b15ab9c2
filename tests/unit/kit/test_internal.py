"""Calls to another service: our credential along, bounded, tried again only where that is safe."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from factories.answering_server import AnsweringServer, answering_server
from parlor_kit import tracing
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.ids import new_id
from parlor_kit.internal import InternalClient
from parlor_kit.principal import Principal, Role

DONE: tuple[int, Any] = (200, {"done": True})


@pytest.fixture
async def server() -> AsyncIterator[AnsweringServer]:
    async with answering_server() as running:
        yield running


@pytest.fixture
async def client(server: AnsweringServer, tmp_path: Path) -> AsyncIterator[InternalClient]:
    (tmp_path / "customer").write_text("first-credential\n")
    made = InternalClient("customer", server.url + "/", tmp_path, timeout=0.5)
    yield made
    await made.close()


async def test_the_credential_and_the_trace_go_along(
    server: AnsweringServer, client: InternalClient
) -> None:
    server.answers = [DONE]
    trace = tracing.open_trace("r-1", None)
    tracing.bind(trace)
    assert await client.call("GET", "/internal/v1/x") == DONE
    (asked,) = server.requests
    assert asked.path == "/internal/v1/x"
    assert asked.headers["authorization"] == "Bearer first-credential"
    assert asked.headers["x-request-id"] == "r-1"
    assert asked.headers["traceparent"] == trace.traceparent
    assert "user-authorization" not in asked.headers


async def test_acting_for_a_user_their_own_token_goes_along(
    server: AnsweringServer, client: InternalClient
) -> None:
    server.answers = [DONE]
    user = Principal(new_id(), Role.CUSTOMER, "session", "users-token")
    await client.call("POST", "/x", body={"a": user.id}, on_behalf_of=user)
    (asked,) = server.requests
    assert asked.headers["user-authorization"] == "Bearer users-token"
    assert asked.body == {"a": str(user.id)}


async def test_a_renewed_credential_is_read_again(
    server: AnsweringServer, client: InternalClient, tmp_path: Path
) -> None:
    server.answers = [DONE]
    await client.call("GET", "/x")
    fresh = tmp_path / "fresh"
    fresh.write_text("second-credential")
    os.utime(fresh, ns=(1, 1))
    fresh.replace(tmp_path / "customer")
    await client.call("GET", "/x")
    assert [one.headers["authorization"] for one in server.requests] == [
        "Bearer first-credential",
        "Bearer second-credential",
    ]


async def test_without_a_credential_nothing_is_asked(
    server: AnsweringServer, tmp_path: Path
) -> None:
    client = InternalClient("game", server.url, tmp_path)
    with pytest.raises(DependencyUnavailable):
        await client.call("GET", "/x")
    assert server.requests == []
    await client.close()


@pytest.mark.parametrize(
    "answer", [(404, {"code": "not_found"}), (409, {"code": "taken"}), (204, None)]
)
async def test_what_the_callee_says_below_500_is_an_answer(
    server: AnsweringServer, client: InternalClient, answer: tuple[int, Any]
) -> None:
    server.answers = [answer]
    assert await client.call("POST", "/x", body={}) == answer


@pytest.mark.parametrize("status", [401, 403, 500, 502, 503])
async def test_a_fault_of_the_callee_or_of_our_credential_is_an_outage(
    server: AnsweringServer, client: InternalClient, status: int
) -> None:
    server.answers = [(status, {"code": "whatever", "detail": "/etc/secret"})]
    with pytest.raises(DependencyUnavailable) as away:
        await client.call("GET", "/x")
    assert "secret" not in away.value.detail


@pytest.mark.parametrize("fault", ["drop", "hang"])
@pytest.mark.parametrize(
    ("method", "path", "tries"),
    [
        ("GET", "/x", 2),
        ("PUT", "/x", 2),
        ("DELETE", "/x", 2),
        ("POST", "/x", 1),
        ("POST", "/x/batch", 2),
    ],
)
async def test_without_an_answer_only_what_is_safe_is_tried_again(
    server: AnsweringServer, client: InternalClient, fault: str, method: str, path: str, tries: int
) -> None:
    server.answers = [fault, DONE]
    body = None if method in {"GET", "DELETE"} else {"a": 1}
    if tries == 2:
        assert await client.call(method, path, body=body) == DONE
    else:
        with pytest.raises(DependencyUnavailable):
            await client.call(method, path, body=body)
    assert len(server.requests) == tries


async def test_where_nobody_listens_is_an_outage(client: InternalClient, tmp_path: Path) -> None:
    nowhere = InternalClient("customer", "http://127.0.0.1:1", tmp_path)
    with pytest.raises(DependencyUnavailable):
        await nowhere.call("GET", "/x")
    await nowhere.close()


async def test_an_answer_that_is_no_json_is_an_outage(
    server: AnsweringServer, client: InternalClient
) -> None:
    server.answers = [(200, b"<html>")]
    with pytest.raises(DependencyUnavailable):
        await client.call("GET", "/x")
