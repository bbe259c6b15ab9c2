"""Somebody is away: operator, identity, chat, namespace. Nothing is lost or waits for ever."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from factories.kube_api import KubeApi, Rejected, condition, distributor, legal_hold
from factories.kube_servers import Kubernetes, OperatorUnderTest, operator
from factories.people import gather_circle, open_conversation
from factories.polling import until_true
from factories.tcp_gate import TcpGate, tcp_gate
from parlor_dev.client import Api, Refused
from parlor_dev.stack import Stack

pytestmark = [pytest.mark.cluster, pytest.mark.chaos]


def new_name(what: str = "shop") -> str:
    return f"{what}-{secrets.token_hex(4)}"


@pytest.fixture
async def gated(
    platform: Stack, api_server: Kubernetes
) -> AsyncIterator[tuple[TcpGate, TcpGate, OperatorUnderTest]]:
    """The operator behind gates to identity and chat, which a test may shut."""

    def address(service: str) -> tuple[str, int]:
        host, port = platform.internal_url(service).removeprefix("http://").split(":")
        return host, int(port)

    async with (
        tcp_gate(*address("identity")) as identity,
        tcp_gate(*address("chat")) as chat,
        operator(
            platform,
            api_server.operator_kubeconfig,
            {
                "PARLOR_IDENTITY_URL": f"http://127.0.0.1:{identity.port}",
                "PARLOR_CHAT_URL": f"http://127.0.0.1:{chat.port}",
            },
        ) as running,
    ):
        yield identity, chat, running


async def test_what_changes_while_the_operator_is_down_is_done_when_it_is_back(
    kube: KubeApi, namespace: str, platform: Stack, api_server: Kubernetes, api: Api
) -> None:
    circle = await gather_circle(platform, api, customers=2)
    conversation = await open_conversation(*circle.customers)
    kept, changed, gone, late, case, over = (new_name() for _ in range(6))
    async with operator(platform, api_server.operator_kubeconfig) as running:
        for name in (kept, changed, gone):
            await kube.create(namespace, distributor(name, deletionPolicy="Disable"))
        for name in (case, over):
            await kube.create(namespace, legal_hold(name, conversationIds=[conversation]))
        for name in (kept, changed, gone):
            await kube.until("Distributor", namespace, name, status="True")
        for name in (case, over):
            await kube.until("LegalHold", namespace, name, status="True")
        leaving = await kube.get("Distributor", namespace, gone)
        login = await kube.secret(namespace, leaving["status"]["secretName"])
        await running.stop()
        assert running.process.pid is None

        await kube.change("Distributor", namespace, changed, displayName="Another")
        await kube.delete("Distributor", namespace, gone)
        await kube.create(namespace, distributor(late))
        await kube.change("LegalHold", namespace, over, state="Released")
        await kube.delete("LegalHold", namespace, case)
        assert await kube.find("Distributor", namespace, gone) is not None

        await running.start()
        for name in (kept, changed, late):
            await kube.until("Distributor", namespace, name, status="True")
        await kube.until("LegalHold", namespace, over, status="True", reason="Released")
        await kube.until_gone("Distributor", namespace, gone)
        await kube.until_gone("LegalHold", namespace, case)
        await running.stop()
    with pytest.raises(Refused):
        await api.login(login["email"], login["password"])
    seen = await circle.admin.api.get(
        f"/api/v1/admin/moderation/conversations/{conversation}?reason=a+court+asks"
    )
    standing = {hold["matter"]: hold for hold in seen["holds"]}
    assert standing[case]["released_at"] is None
    assert standing[case]["orphaned_at"] is not None
    assert standing[over]["released_at"] is not None


async def test_identity_away_is_said_and_made_up_for(
    kube: KubeApi, namespace: str, gated: tuple[TcpGate, TcpGate, OperatorUnderTest]
) -> None:
    identity, _, _ = gated
    await identity.shut()
    name = new_name()
    await kube.create(namespace, distributor(name))
    waiting = await kube.until(
        "Distributor", namespace, name, status="Unknown", reason="IdentityUnavailable"
    )
    assert condition(waiting, "AccountProvisioned")["status"] == "Unknown"
    await identity.open()
    await kube.until("Distributor", namespace, name, status="True", reason="Provisioned")
    await kube.told(namespace, name, "Warning IdentityUnavailable", "Normal Provisioned")


async def test_a_deletion_waits_for_identity_but_not_for_ever(
    kube: KubeApi,
    namespace: str,
    platform: Stack,
    gated: tuple[TcpGate, TcpGate, OperatorUnderTest],
) -> None:
    identity, _, running = gated
    name = new_name()
    made = await kube.create(namespace, distributor(name, deletionPolicy="Disable"))
    await kube.until("Distributor", namespace, name, status="True")
    await identity.shut()
    await kube.delete("Distributor", namespace, name)
    await kube.until_gone("Distributor", namespace, name, seconds=30)

    async def told() -> bool:
        return any(
            (kind, reason) == ("Warning", "ReleaseAbandoned")
            for kind, reason, _ in await kube.events(namespace, name)
        )

    await until_true(told, seconds=10)
    [said] = [m for _, reason, m in await kube.events(namespace, name) if "Aband" in reason]
    assert f"let-go distributor {made['metadata']['uid']} --disable" in said
    assert "ReleaseAbandoned" in running.log

    await identity.open()
    child = await asyncio.create_subprocess_exec(
        *running.process.command.argv,
        *("let-go", "distributor", made["metadata"]["uid"], "--disable"),
        env=dict(running.process.command.env),
    )
    async with asyncio.timeout(30):
        assert await child.wait() == 0
    login = made["spec"]["email"]
    connection = await asyncpg.connect(platform.database_url("identity", owner=True))
    try:
        row = await connection.fetchrow(
            "SELECT status, managed_by FROM accounts WHERE email = $1", login
        )
    finally:
        await connection.close()
    assert tuple(row) == ("disabled", "api")


async def test_a_hold_whose_resource_goes_while_chat_is_away_stays(
    kube: KubeApi,
    namespace: str,
    platform: Stack,
    api: Api,
    gated: tuple[TcpGate, TcpGate, OperatorUnderTest],
) -> None:
    _, chat, _ = gated
    circle = await gather_circle(platform, api, customers=2)
    conversation, name = await open_conversation(*circle.customers), new_name("case")
    await kube.create(namespace, legal_hold(name, conversationIds=[conversation]))
    await kube.until("LegalHold", namespace, name, status="True")
    await chat.shut()
    await kube.delete("LegalHold", namespace, name)
    await kube.until_gone("LegalHold", namespace, name, seconds=30)
    seen = await circle.admin.api.get(
        f"/api/v1/admin/moderation/conversations/{conversation}?reason=a+court+asks"
    )
    assert [hold["released_at"] for hold in seen["holds"]] == [None]


async def test_an_api_server_that_was_away_is_found_again(
    kube: KubeApi, namespace: str, platform: Stack, api_server: Kubernetes, tmp_path: Path
) -> None:
    host, port = kube.access.server.removeprefix("https://").split(":")
    async with tcp_gate(host, int(port)) as gate:
        kubeconfig = tmp_path / "kubeconfig"
        through = api_server.operator_kubeconfig.read_text().replace(
            kube.access.server, f"https://{host}:{gate.port}"
        )
        kubeconfig.write_text(through)
        async with operator(platform, kubeconfig) as running:
            before, after = new_name(), new_name()
            await kube.create(namespace, distributor(before))
            await kube.until("Distributor", namespace, before, status="True")
            await gate.shut()
            await kube.create(namespace, distributor(after))
            await until_true(lambda: failed(running), seconds=20)
            await gate.open()
            await kube.until("Distributor", namespace, after, status="True")
            assert running.process.running


async def failed(running: OperatorUnderTest) -> bool:
    """Whether the operator has noticed that the API server is away."""
    return "Request attempt" in running.log or "not answering" in running.log


async def test_a_namespace_goes_and_takes_no_evidence_along(
    kube: KubeApi, namespace: str, platform: Stack, api_server: Kubernetes, api: Api
) -> None:
    circle = await gather_circle(platform, api, customers=2)
    conversation, case, shop = (
        await open_conversation(*circle.customers),
        new_name("case"),
        new_name(),
    )
    async with operator(platform, api_server.operator_kubeconfig):
        await kube.create(namespace, legal_hold(case, conversationIds=[conversation]))
        await kube.create(namespace, distributor(shop))
        await kube.until("LegalHold", namespace, case, status="True")
        await kube.until("Distributor", namespace, shop, status="True")
        await delete_namespace(kube, namespace)
    seen = await circle.admin.api.get(
        f"/api/v1/admin/moderation/conversations/{conversation}?reason=a+court+asks"
    )
    assert [hold["released_at"] for hold in seen["holds"]] == [None]
    assert [hold["orphaned_at"] is not None for hold in seen["holds"]] == [True]


async def delete_namespace(kube: KubeApi, namespace: str) -> None:
    """Delete it, and do what the namespace controller does, where the cluster has none."""
    path = f"/api/v1/namespaces/{namespace}"
    await kube.call("DELETE", path)
    for collection in (
        "/apis/parlor.dev/v1alpha1/namespaces/{}/legalholds",
        "/apis/parlor.dev/v1alpha1/namespaces/{}/distributors",
        "/api/v1/namespaces/{}/secrets",
    ):
        await kube.call("DELETE", collection.format(namespace))

    async def empty() -> bool:
        left = [await kube.items(kind, namespace) for kind in ("Distributor", "LegalHold")]
        return left == [[], []]

    await until_true(empty, seconds=30)
    with suppress(Rejected):  # a namespace controller was faster
        found: dict[str, Any] = await kube.call("GET", path)
        await kube.call("PUT", f"{path}/finalize", {**found, "spec": {"finalizers": []}})
