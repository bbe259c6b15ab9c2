"""Who is refused, route by route: first of all those who bring nothing."""

from dataclasses import dataclass
from typing import Any

import pytest
from factories.identity_replicas import OPERATOR, Replica, signed_in, signed_in_user
from factories.tokens import UserTokens
from parlor_identity.routes import INTERNAL, PUBLIC
from parlor_kit.ids import new_id
from parlor_kit.routing import Route

pytestmark = pytest.mark.functional

USER_ROUTES = [row for row in PUBLIC.http if row.policy.needs_user]
ADMIN_ROUTES = [row for row in USER_ROUTES if row.policy.name == "admin"]


@dataclass
class Stranger:
    token: str
    id: str


@pytest.fixture(scope="module")
async def customer(replica: Replica) -> dict[str, str]:
    _, _, reply = await signed_in_user(replica.public)
    return signed_in(reply.body["access_token"])


def path(row: Route) -> str:
    found = row.path
    for name in ("{user_id}", "{session_id}"):
        found = found.replace(name, str(new_id()))
    return found.replace("{resource_uid}", "0f9a")


def name(row: Route) -> str:
    return f"{row.method} {row.path}"


@pytest.mark.parametrize("row", USER_ROUTES, ids=name)
async def test_without_a_token_nobody_gets_in(replica: Replica, row: Route) -> None:
    reply = await replica.public.call(row.method, path(row), json={})
    assert (reply.status, reply.code) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("row", USER_ROUTES, ids=name)
async def test_a_token_of_another_issuer_is_no_token(replica: Replica, row: Route) -> None:
    forged = UserTokens().token("admin", new_id())
    reply = await replica.public.call(row.method, path(row), json={}, headers=signed_in(forged))
    assert (reply.status, reply.code) == (401, "unauthenticated")


@pytest.mark.parametrize("row", ADMIN_ROUTES, ids=name)
async def test_a_customer_is_no_admin(
    replica: Replica, row: Route, customer: dict[str, str]
) -> None:
    reply = await replica.public.call(row.method, path(row), json={}, headers=customer)
    assert (reply.status, reply.code) == (403, "forbidden")


@pytest.mark.parametrize("row", INTERNAL.http, ids=name)
async def test_internal_routes_are_not_on_the_public_listener(replica: Replica, row: Route) -> None:
    reply = await replica.public.call(row.method, path(row), json={}, headers=OPERATOR)
    assert (reply.status, reply.code) == (404, "not_found")


@pytest.mark.parametrize("row", INTERNAL.http, ids=name)
async def test_internal_routes_need_a_service(
    replica: Replica, row: Route, customer: dict[str, str]
) -> None:
    reply = await replica.internal.call(row.method, path(row), json={}, headers=customer)
    assert (reply.status, reply.code) == (401, "unauthenticated")


@pytest.mark.parametrize("row", INTERNAL.http, ids=name)
async def test_internal_routes_are_for_the_services_that_they_name(
    replica: Replica, row: Route
) -> None:
    header = {"x-service-identity": "system:serviceaccount:parlor:archive-expiry"}
    reply = await replica.internal.call(row.method, path(row), json={}, headers=header)
    assert (reply.status, reply.code) == (403, "forbidden")


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("login", {"email": "a@example.com"}),
        ("login", {"email": "a@example.com", "password": 7}),
        ("login", {"email": "a@example.com", "password": "x", "role": "admin"}),
        ("register", {"email": "not an address", "password": "x", "display_name": " "}),
        ("register", {"email": "İ" * 200 + "@example.com", "password": "x" * 20}),
        ("refresh", {}),
        ("refresh", {"refresh_token": ["x"]}),
        ("logout", {"refresh_token": "\x00"}),
    ],
)
async def test_a_body_that_is_not_asked_for_is_refused(
    replica: Replica, route: str, body: dict[str, Any]
) -> None:
    reply = await replica.public.call("POST", f"/api/v1/auth/{route}", json=body)
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert reply.body["errors"]


async def test_every_violation_is_listed(replica: Replica) -> None:
    body = {"email": "nobody", "password": "short", "display_name": "", "role": "admin"}
    reply = await replica.public.call("POST", "/api/v1/auth/register", json=body)
    assert {error["field"] for error in reply.body["errors"]} == set(body)
    assert "short" not in str(reply.body["errors"]).replace("shorter", "")


async def test_half_a_character_is_refused_without_a_fault(replica: Replica) -> None:
    raw = b'{"email": "a@example.com", "password": "\\ud800", "display_name": "x"}'
    for route in ("login", "register"):
        reply = await replica.public.call("POST", f"/api/v1/auth/{route}", data=raw)
        assert reply.status in {400, 422}
