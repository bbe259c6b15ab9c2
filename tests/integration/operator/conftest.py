"""A real API server for the tests of the operator, a namespace for each, and a running operator."""

import secrets
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import pytest
from factories.kube_api import PLURALS, KubeApi, Rejected, kube_api
from factories.kube_servers import Kubernetes, OperatorUnderTest, kubernetes, operator, why_none
from parlor_dev.client import Api
from parlor_dev.stack import Stack


@pytest.fixture(scope="session")
async def api_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kubernetes]:
    """Skips, and says why, where there is none and none can be started."""
    reason = why_none()
    if reason:
        pytest.skip(reason)
    async with kubernetes(tmp_path_factory.mktemp("kubernetes")) as running:
        yield running


@pytest.fixture(scope="session")
async def kube(api_server: Kubernetes) -> AsyncIterator[KubeApi]:
    async with kube_api(api_server.kubeconfig) as client:
        yield client


@pytest.fixture
async def namespace(kube: KubeApi) -> AsyncIterator[str]:
    """A namespace of the test's own; what is left in it loses its finalizers at the end."""
    name = f"t-{secrets.token_hex(4)}"
    await kube.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    for kind in PLURALS:
        for left in await kube.items(kind, name):
            with suppress(Rejected):  # the operator was faster
                await kube.delete(kind, name, left["metadata"]["name"])
                await kube.strip(kind, name, left["metadata"]["name"])
    with suppress(Rejected):  # the test has deleted it
        await kube.call("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
async def running_operator(
    platform: Stack, api_server: Kubernetes
) -> AsyncIterator[OperatorUnderTest]:
    """The operator, with the rights that it gets in a cluster, on the platform's services."""
    async with operator(platform, api_server.operator_kubeconfig) as running:
        yield running


@pytest.fixture(scope="session")
async def api(platform: Stack) -> AsyncIterator[Api]:
    """The platform's public API."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        yield Api(platform.url, http=http)
