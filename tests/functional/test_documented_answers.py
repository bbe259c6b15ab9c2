"""schemathesis against each service's OpenAPI: no 5xx, no undocumented answer, no wrong body."""

import asyncio
import re
import sys

import pytest
from factories.people import gather_circle
from parlor_dev.client import Api
from parlor_dev.stack import Stack

pytestmark = pytest.mark.functional

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
EXAMPLES = 20


@pytest.mark.parametrize("role", ["customer", "distributor", "admin"])
@pytest.mark.parametrize("service", ["identity", "customer", "game", "chat"])
async def test_every_answer_is_documented(platform: Stack, service: str, role: str) -> None:
    async with Api(platform.url) as api:
        circle = await gather_circle(platform, api)
    tokens = {
        "customer": circle.customers[0].token,
        "distributor": circle.distributor.token,
        "admin": circle.admin.token,
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        f"{platform.url}/api/v1/{service}/openapi.json",
        "--header",
        f"Authorization: Bearer {tokens[role]}",
        "--checks",
        ",".join(CHECKS),
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        str(EXAMPLES),
        "--generation-deterministic",
        # Signing out or leaving would end the run's own sessions; they have tests of their own.
        "--exclude-path-regex",
        r"/auth/logout|/users/me/password",
        "--exclude-operation-id",
        "erase_own_account",
        "--no-color",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(child.communicate(), 240)
    text = output.decode()
    assert child.returncode == 0, text[-8000:]
    assert re.search(r"[1-9]\d* generated|[1-9]\d* passed", text), text[-2000:]
