"""An operator whose watches can be muted, and what its liveness probe says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from factories.kube_api import KubeApi
from factories.kube_servers import OperatorUnderTest, operator
from factories.pausing_proxy import PausingProxy, pausing_proxy
from factories.polling import until
from parlor_dev.stack import Stack


@asynccontextmanager
async def muted_operator(
    stack: Stack, kube: KubeApi, folder: Path, *, inactivity: str
) -> AsyncIterator[tuple[PausingProxy, OperatorUnderTest]]:
    """With both watches open, through a proxy that can mute them."""
    access = kube.access
    async with pausing_proxy(
        access.server, headers=access.headers, context=access.context
    ) as proxy:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(plain_kubeconfig(proxy.url)))
        env = {
            "OPERATOR_WATCH_INACTIVITY": inactivity,
            "OPERATOR_WATCH_LAG": "PT3S",
            "OPERATOR_RESYNC": "PT1H",
        }
        async with operator(stack, kubeconfig, env) as running:
            await until(lambda: proxy.streams >= 2, seconds=20)
            yield proxy, running


async def live(running: OperatorUnderTest) -> tuple[int, str]:
    """Status and text of /livez."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{running.port}/livez") as response,
    ):
        return response.status, await response.text()


def plain_kubeconfig(server: str) -> dict[str, Any]:
    """For a server that asks for nothing: a proxy that has credentials of its own."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "t", "cluster": {"server": server}}],
        "users": [{"name": "t", "user": {}}],
        "contexts": [{"name": "t", "context": {"cluster": "t", "user": "t"}}],
        "current-context": "t",
    }
