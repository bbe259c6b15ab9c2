"""Credentials that run out while requests are under way."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import kopf
import pytest
from aiohttp import web
from parlor_operator import connection
from parlor_operator.cluster import Cluster


class ApiServer:
    """Takes one token, and answers those that come with another once `at_once` of them are there.

    What is asked of the namespace `slow` it answers when it is told to.
    """

    def __init__(self, at_once: int) -> None:
        self.token = "first"
        self.slow_came, self.slow_may_go = asyncio.Event(), asyncio.Event()
        self._refused = asyncio.Barrier(at_once)

    async def answer(self, request: web.Request) -> web.Response:
        accepted = request.headers["authorization"] == f"Bearer {self.token}"
        if request.match_info["namespace"] == "slow":
            self.slow_came.set()
            await self.slow_may_go.wait()
        elif not accepted:
            await self._refused.wait()
        if not accepted:
            return web.json_response({"reason": "Unauthorized"}, status=401)
        return web.json_response({"data": {"email": "YQ==", "password": "Yg=="}})


@pytest.fixture
async def server() -> AsyncIterator[tuple[ApiServer, str]]:
    api = ApiServer(at_once=5)
    app = web.Application()
    app.router.add_get("/api/v1/namespaces/{namespace}/secrets/{name}", api.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield api, f"http://{host}:{port}"
    await runner.cleanup()


async def test_many_refusals_at_once_make_one_login_and_disturb_no_other_request(
    server: tuple[ApiServer, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, url = server
    file = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(file))
    logins: list[str] = []
    log_in = connection.credentials

    def counted(settings: kopf.OperatorSettings) -> kopf.ConnectionInfo:
        found = log_in(settings)
        logins.append(str(found.token))
        return found

    monkeypatch.setattr(connection, "credentials", counted)
    file.write_text(kubeconfig(url, "first"))
    cluster = Cluster(kopf.OperatorSettings())
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        slow = group.create_task(cluster.find("slow", "login"))
        await api.slow_came.wait()
        file.write_text(kubeconfig(url, "second"))
        api.token = "second"
        found = await asyncio.gather(*(cluster.find("shops", "login") for _ in range(5)))
        assert [login.email for login in found if login] == ["a"] * 5
        assert logins == ["first", "second"]
        api.slow_may_go.set()
        login = await slow
    assert login is not None
    assert logins == ["first", "second"]
    await cluster.close()


def kubeconfig(url: str, token: str) -> str:
    return json.dumps(
        {
            "current-context": "only",
            "contexts": [{"name": "only", "context": {"cluster": "only", "user": "only"}}],
            "clusters": [{"name": "only", "cluster": {"server": url}}],
            "users": [{"name": "only", "user": {"token": token}}],
        }
    )
