"""The one audit log of the running platform: what happens in identity is in it, and it verifies."""

import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from factories.people import gather_circle
from factories.polling import until_true
from parlor_dev.client import Api
from parlor_dev.stack import Stack
from parlor_verify.audit import verify_audit

pytestmark = pytest.mark.functional


@pytest.fixture
async def api(platform: Stack) -> AsyncIterator[Api]:
    async with Api(platform.url) as origin:
        yield origin


async def test_what_an_admin_does_in_identity_is_in_the_log_that_anybody_can_verify(
    platform: Stack, api: Api, tmp_path: Path
) -> None:
    admin = (await gather_circle(platform, api)).admin
    made = await admin.api.post(
        "/api/v1/admin/moderators",
        {"email": f"mod.{secrets.token_hex(6)}@example.com", "display_name": "Moderator"},
    )
    await admin.api.post(f"/api/v1/admin/users/{made['id']}/disable")
    found: list[dict[str, Any]] = []

    async def told() -> bool:
        page = await admin.api.get(f"/api/v1/admin/audit?user_id={made['id']}&reason=a+check")
        found[:] = page["items"]
        return len(found) == 2

    await until_true(told, seconds=30)
    assert [(record["action"], record["actor"]) for record in found] == [
        ("account.disabled", admin.id),
        ("account.provisioned", admin.id),
    ]
    async with (
        aiohttp.ClientSession(headers={"authorization": f"Bearer {admin.token}"}) as http,
        http.get(f"{platform.url}/api/v1/admin/audit/export?reason=a+check") as answer,
    ):
        assert answer.status == 200
        log, keys = tmp_path / "audit.ndjson", tmp_path / "keys.json"
        log.write_bytes(await answer.read())
    keys.write_text(json.dumps(await admin.api.get("/api/v1/admin/evidence-keys")))
    assert verify_audit([str(log), "--keys", str(keys)]) == 0
