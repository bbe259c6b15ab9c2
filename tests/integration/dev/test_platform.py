"""The `platform` fixture: real services behind the origin, and sidecars that know the issuer."""

import aiohttp
import pytest
from parlor_dev.stack import Stack

pytestmark = pytest.mark.functional
NOBODY = "0198f2a0-0000-7000-8000-000000000000"


async def status(url: str, **headers: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status


async def test_the_first_admin_logs_in_through_the_origin(platform: Stack) -> None:
    body = {"email": platform.admin_email, "password": platform.admin_password}
    url = f"{platform.url}/api/v1/auth/login"
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        assert response.status == 200
        token = (await response.json())["access_token"]
    me = f"{platform.url}/api/v1/users/me"
    assert await status(me, Authorization=f"Bearer {token}") == 200
    assert await status(me) == 401


@pytest.mark.parametrize("service", ["identity", "customer", "game", "chat"])
async def test_each_service_shows_its_documents(platform: Stack, service: str) -> None:
    assert await status(f"{platform.url}/api/v1/{service}/openapi.json") == 200
    assert await status(f"{platform.url}/api/v1/{service}/docs") == 200


async def test_a_sidecar_takes_the_issuers_credentials_and_no_others(platform: Stack) -> None:
    user = f"{platform.internal_url('identity')}/internal/v1/users/{NOBODY}"
    right = platform.credential("customer", "identity")
    other_audience = platform.credential("customer", "chat")
    assert await status(user, Authorization=f"Bearer {right}") == 404
    assert await status(user, Authorization=f"Bearer {other_audience}") == 401
    assert await status(user) == 401
    for caller in ("archive-expiry", "chat", "game", "operator"):
        not_listed = platform.credential(caller, "identity")
        assert await status(user, Authorization=f"Bearer {not_listed}") == 403


async def test_internal_routes_have_no_way_in_from_outside(platform: Stack) -> None:
    right = {"Authorization": f"Bearer {platform.credential('customer', 'identity')}"}
    path = f"/internal/v1/users/{NOBODY}"
    for base in (platform.url, *platform.public_urls("identity")):
        assert await status(base + path, **right) == 404
