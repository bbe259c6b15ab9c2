"""A laptop without a cluster: `make up`, then `kubectl apply -f examples/distributor.yaml`."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from factories.kube_api import condition, kube_api
from factories.kube_servers import Kubernetes, kubectl
from factories.polling import until
from parlor_dev import checkout, pids
from parlor_dev.client import Api
from parlor_dev.home import Home
from parlor_dev.ports import PortReservations

pytestmark = [pytest.mark.cluster, pytest.mark.functional]

_UP = (sys.executable, "-m", "parlor_dev", "up")
_SECONDS = 180


@pytest.fixture
async def up(
    api_server: Kubernetes, tmp_path: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Path]]:
    if os.environ.get("PARLOR_TEST_KUBECONFIG"):
        pytest.skip("an API server was given; this starts one")
    reservations = PortReservations()
    home = tmp_path / "home"
    environment = {key: value for key, value in os.environ.items() if key != "PARLOR_KUBE"}
    child = await asyncio.create_subprocess_exec(
        *_UP,
        env=environment | {"PARLOR_HOME": str(home), "PARLOR_PORT": str(reservations.take())},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield child, home
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
        reservations.close()


async def test_make_up_brings_an_api_server_and_the_operator(
    up: tuple[asyncio.subprocess.Process, Path], api_server: Kubernetes
) -> None:
    child, home = up
    banner = await said(child, "the operator is ready")
    own = home / "kube" / "kubeconfig"
    assert f"export KUBECONFIG={own}" in banner
    assert own.stat().st_mode & 0o077 == 0
    url = re.search(r"URL\s+(http://\S+)", banner)
    assert url
    there = Kubernetes(own, own, api_server.kubectl)
    example = checkout.root() / "examples"
    assert "created" in await kubectl(there, "apply", "-f", str(example / "distributor.yaml"))
    assert "created" in await kubectl(there, "apply", "-f", str(example / "legalhold.yaml"))
    async with kube_api(own) as client, Api(url[1]) as api:
        ready = await client.until("Distributor", "default", "card-shop", status="True")
        held = await client.until("LegalHold", "default", "matter-2026-017", status="True")
        assert condition(held, "HoldPlaced")["status"] == "True"
        login = await client.secret("default", ready["status"]["secretName"])
        me = await (await api.login(login["email"], login["password"])).get("/api/v1/users/me")
        assert me["display_name"] == "The Card Shop"
    records = [pids.read(path) for path in Home(home).pids.glob("*.json")]
    names = {path.stem for path in Home(home).pids.glob("*.json")}
    assert {"etcd", "kube-apiserver", "operator"} <= names
    child.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        await child.communicate()
    assert child.returncode == 0
    await until(lambda: not any(each and pids.is_alive(each) for each in records), seconds=10)


async def said(child: asyncio.subprocess.Process, last: str) -> str:
    assert child.stdout is not None
    text = ""
    async with asyncio.timeout(_SECONDS):
        while last not in text:
            line = await child.stdout.readline()
            assert line, text
            text += line.decode()
    return text
