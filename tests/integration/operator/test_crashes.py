"""The operator is killed between two steps, exactly there, and started again: nothing is doubled.

Proxies in front of identity, chat and the API server stop at the request after which, or before
which, the operator is to die.
"""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml
from factories.dead_watch import plain_kubeconfig
from factories.kube_api import KubeApi, distributor, legal_hold
from factories.kube_servers import OperatorUnderTest, operator
from factories.pausing_proxy import PausingProxy, pausing_proxy
from factories.people import gather_circle, open_conversation
from factories.polling import until_true
from parlor_dev.client import Api
from parlor_dev.stack import Stack

pytestmark = [pytest.mark.cluster, pytest.mark.chaos]

ACCOUNTS = r"/internal/v1/distributors/"
HOLDS = r"/internal/v1/legal-holds/"
SECRETS = r"/secrets$"


@dataclass
class Proxies:
    identity: PausingProxy
    chat: PausingProxy
    api: PausingProxy


@pytest.fixture
async def proxies(
    platform: Stack, kube: KubeApi, tmp_path: Path
) -> AsyncIterator[tuple[Proxies, OperatorUnderTest]]:
    access = kube.access
    async with (
        pausing_proxy(platform.internal_url("identity")) as identity,
        pausing_proxy(platform.internal_url("chat")) as chat,
        pausing_proxy(access.server, headers=access.headers, context=access.context) as api,
    ):
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(plain_kubeconfig(api.url)))
        env = {"PARLOR_IDENTITY_URL": identity.url, "PARLOR_CHAT_URL": chat.url}
        async with operator(platform, kubeconfig, env) as running:
            yield Proxies(identity, chat, api), running


async def handled(kube: KubeApi, namespace: str, name: str) -> bool:
    """Whether Kopf has written down that it is done with the creation."""
    found = await kube.get("Distributor", namespace, name)
    return any("last-handled" in key for key in found["metadata"].get("annotations", {}))


async def rows(stack: Stack, service: str, table: str, uid: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(stack.database_url(service, owner=True))
    try:
        found = await connection.fetch(f"SELECT * FROM {table} WHERE resource_uid::text = $1", uid)
    finally:
        await connection.close()
    return [dict(row) for row in found]


@pytest.mark.parametrize(
    ("part", "moment", "method", "path"),
    [
        pytest.param("identity", "before", "PUT", ACCOUNTS, id="before-the-account"),
        pytest.param("identity", "after", "PUT", ACCOUNTS, id="account-made-answer-lost"),
        pytest.param("api", "before", "POST", SECRETS, id="password-known-no-secret"),
        pytest.param("api", "after", "POST", SECRETS, id="secret-made-answer-lost"),
        pytest.param("api", "before", "PATCH", r"/status$", id="all-done-no-status"),
        pytest.param("api", "after", "PATCH", r"/status$", id="status-made-answer-lost"),
    ],
)
async def test_one_account_and_a_password_that_works_wherever_the_operator_dies(
    part: str,
    moment: Any,
    method: str,
    path: str,
    kube: KubeApi,
    namespace: str,
    platform: Stack,
    api: Api,
    proxies: tuple[Proxies, OperatorUnderTest],
) -> None:
    parts, running = proxies
    proxy: PausingProxy = getattr(parts, part)
    stop = proxy.stop_at(moment, method, path)
    name = f"shop-{secrets.token_hex(4)}"
    made = await kube.create(namespace, distributor(name))
    await stop.wait_reached()
    await running.kill()
    stop.go_on.set()
    await running.start()
    ready = await kube.until("Distributor", namespace, name, status="True", reason="Provisioned")
    [account] = await rows(platform, "identity", "accounts", made["metadata"]["uid"])
    assert str(account["id"]) == ready["status"]["accountId"]
    login = await kube.secret(namespace, ready["status"]["secretName"])
    assert (await api.login(login["email"], login["password"])).token
    found = await kube.call("GET", f"/api/v1/namespaces/{namespace}/secrets")
    assert len(found["items"]) == 1


@pytest.mark.parametrize(
    ("part", "moment", "method", "path"),
    [
        pytest.param("chat", "before", "PUT", HOLDS, id="before-the-hold"),
        pytest.param("chat", "after", "PUT", HOLDS, id="hold-placed-answer-lost"),
        pytest.param("api", "before", "PATCH", r"/status$", id="placed-no-status"),
        pytest.param("api", "after", "PATCH", r"/status$", id="status-made-answer-lost"),
    ],
)
async def test_one_hold_wherever_the_operator_dies(
    part: str,
    moment: Any,
    method: str,
    path: str,
    kube: KubeApi,
    namespace: str,
    platform: Stack,
    api: Api,
    proxies: tuple[Proxies, OperatorUnderTest],
) -> None:
    parts, running = proxies
    circle = await gather_circle(platform, api, customers=2)
    conversation = await open_conversation(*circle.customers)
    proxy: PausingProxy = getattr(parts, part)
    stop = proxy.stop_at(moment, method, path)
    name = f"case-{secrets.token_hex(4)}"
    made = await kube.create(namespace, legal_hold(name, conversationIds=[conversation]))
    await stop.wait_reached()
    await running.kill()
    stop.go_on.set()
    await running.start()
    ready = await kube.until("LegalHold", namespace, name, status="True", reason="Held")
    [hold] = await rows(platform, "chat", "holds", made["metadata"]["uid"])
    assert str(hold["id"]) == ready["status"]["holdId"]
    assert hold["released_at"] is None
    reasons = [reason for _, reason, _ in await kube.events(namespace, name)]
    assert not {"HoldLost", "DriftRepaired"} & set(reasons)


@pytest.mark.parametrize(
    ("part", "moment", "method", "path"),
    [
        pytest.param("identity", "after", "DELETE", ACCOUNTS, id="let-go-answer-lost"),
        pytest.param("api", "before", "PATCH", r"/distributors/[^/]+$", id="finalizer-still-on"),
    ],
)
async def test_a_deletion_that_was_cut_short_is_finished(
    part: str,
    moment: Any,
    method: str,
    path: str,
    kube: KubeApi,
    namespace: str,
    platform: Stack,
    proxies: tuple[Proxies, OperatorUnderTest],
) -> None:
    parts, running = proxies
    name = f"shop-{secrets.token_hex(4)}"
    made = await kube.create(namespace, distributor(name, deletionPolicy="Disable"))
    await kube.until("Distributor", namespace, name, status="True")
    await until_true(lambda: handled(kube, namespace, name), seconds=20)
    proxy: PausingProxy = getattr(parts, part)
    stop = proxy.stop_at(moment, method, path)
    await kube.delete("Distributor", namespace, name)
    await stop.wait_reached()
    await running.kill()
    stop.go_on.set()
    await running.start()
    await kube.until_gone("Distributor", namespace, name)
    [account] = await rows(platform, "identity", "accounts", made["metadata"]["uid"])
    assert (account["status"], account["managed_by"]) == ("disabled", "api")
