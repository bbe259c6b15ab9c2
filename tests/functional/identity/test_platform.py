"""Identity behind the origin and its sidecar, as clients, services and the operator meet it."""

from collections.abc import AsyncIterator
from uuid import uuid4

import aiohttp
import pytest
from factories.identity_replicas import (
    OPERATOR,
    log_in,
    new_email,
    signed_in,
    signed_in_user,
)
from factories.running_api import Client, Reply
from parlor_dev.stack import Stack

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture(scope="module")
def origin(platform: Stack, http: aiohttp.ClientSession) -> Client:
    return Client(http, platform.url)


@pytest.fixture(scope="module")
def sidecar(platform: Stack, http: aiohttp.ClientSession) -> Client:
    return Client(http, platform.internal_url("identity"))


def credential(platform: Stack, caller: str) -> dict[str, str]:
    return signed_in(platform.credential(caller, "identity"))


async def put(sidecar: Client, headers: dict[str, str], email: str) -> Reply:
    return await sidecar.call(
        "PUT",
        f"/internal/v1/distributors/{uuid4()}",
        json={"email": email, "display_name": "Card Shop"},
        headers=headers,
    )


async def test_a_user_registers_and_sees_their_profile_through_the_origin(origin: Client) -> None:
    email, _, tokens = await signed_in_user(origin)
    me = await origin.call(
        "GET", "/api/v1/users/me", headers=signed_in(tokens.body["access_token"])
    )
    assert (me.status, me.body["email"]) == (200, email)


async def test_the_first_admin_comes_from_the_settings(platform: Stack, origin: Client) -> None:
    tokens = await log_in(origin, platform.admin_email, platform.admin_password)
    users = await origin.call(
        "GET", "/api/v1/admin/users?role=admin", headers=signed_in(tokens.body["access_token"])
    )
    assert [user["email"] for user in users.body["items"]] == [platform.admin_email]


async def test_no_internal_route_can_be_reached_from_outside(
    platform: Stack, origin: Client
) -> None:
    for headers in (OPERATOR, credential(platform, "operator")):
        reply = await put(origin, headers, new_email())
        assert reply.status == 404


async def test_the_sidecar_lets_in_who_has_a_credential_and_a_rule(
    platform: Stack, origin: Client, sidecar: Client
) -> None:
    email = new_email("shop")
    assert (await put(sidecar, OPERATOR, email)).status == 401
    assert (await put(sidecar, credential(platform, "chat"), email)).status == 403
    made = await put(sidecar, credential(platform, "operator"), email)
    assert made.status == 201
    assert (await log_in(origin, email, made.body["initial_password"])).status == 200
    read = await sidecar.call(
        "GET",
        f"/internal/v1/users/{made.body['account_id']}",
        headers=credential(platform, "customer"),
    )
    assert (read.status, read.body["role"]) == (200, "distributor")
