"""An export on the running platform: asked for, built by a worker, downloaded, checked offline."""

import asyncio
import json
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from factories.people import gather_circle, open_conversation
from factories.polling import until_true
from parlor_dev.client import Api
from parlor_dev.stack import Stack

pytestmark = pytest.mark.functional


@pytest.fixture
async def api(platform: Stack) -> AsyncIterator[Api]:
    async with Api(platform.url) as origin:
        yield origin


async def test_a_custodians_words_come_out_as_they_were_said_and_can_be_checked(
    platform: Stack, api: Api, tmp_path: Path
) -> None:
    circle = await gather_circle(platform, api)
    admin, (ann, ben) = circle.admin, circle.customers
    conversation = await open_conversation(ann, ben)
    path = f"/api/v1/conversations/{conversation}/messages"
    sent = [await ann.api.post(path, {"body": f"word {number}"}) for number in range(5)]
    await ben.api.post(f"/api/v1/messages/{sent[0]['id']}/read")
    await ann.api.answer("PATCH", f"/api/v1/messages/{sent[1]['id']}", {"body": "another word"})
    asked = await admin.api.post(
        "/api/v1/admin/exports", {"custodian_id": ann.id, "reason": "a court asks"}
    )
    assert asked["state"] == "pending"
    where = f"/api/v1/admin/exports/{asked['id']}"

    async def ready() -> bool:
        view = await admin.api.get(where)
        assert view["state"] != "failed"
        return bool(view["state"] == "ready")

    await until_true(ready, 30, every=0.2)
    file, keys = tmp_path / "export.zip", tmp_path / "keys.json"
    async with (
        aiohttp.ClientSession(headers={"authorization": f"Bearer {admin.token}"}) as http,
        http.get(f"{platform.url}{where}/download") as answer,
    ):
        assert answer.headers["content-type"] == "application/zip"
        file.write_bytes(await answer.read())
    keys.write_text(json.dumps(await admin.api.get("/api/v1/admin/evidence-keys")))

    with zipfile.ZipFile(file) as archive:
        content = archive.read(f"conversations/{conversation}/messages.jsonl").splitlines()
    lines = [json.loads(line) for line in content]
    assert [line["body"] for line in lines] == [f"word {number}" for number in range(5)]
    assert [each["user_id"] for each in lines[0]["read_by"]] == [ben.id]
    assert [each["body"] for each in lines[1]["versions"]] == ["another word"]

    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "parlor_verify", "verify-export", str(file), "--keys", str(keys)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await child.communicate()
    assert child.returncode == 0, output
    assert b"5 messages of 1 conversations" in output
