"""What a person and a monitor see of the operator, and what nobody may see."""

import asyncio
import json
import re
import secrets
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from factories.kube_api import KubeApi, condition, distributor, legal_hold
from factories.kube_servers import Kubernetes, OperatorUnderTest, kubectl
from factories.polling import until_true
from parlor_dev.client import Api
from parlor_dev.stack import Stack

pytestmark = pytest.mark.cluster

_AGE = re.compile(r"^\d+[smh](\d+[smh])?$")


def new_name(what: str = "shop") -> str:
    return f"{what}-{secrets.token_hex(4)}"


async def text_of(running: OperatorUnderTest, path: str) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{running.port}{path}") as response,
    ):
        return await response.text()


async def test_kubectl_shows_what_matters(
    kube: KubeApi,
    namespace: str,
    api_server: Kubernetes,
    running_operator: OperatorUnderTest,
) -> None:
    if api_server.kubectl is None:
        pytest.skip("kubectl is not here")
    missing = str(uuid4())
    await kube.create(namespace, distributor("card-shop", email=f"{new_name()}@example.com"))
    await kube.create(namespace, legal_hold("case-1", conversationIds=[missing]))
    shop = await kube.until("Distributor", namespace, "card-shop", status="True")
    await kube.until("LegalHold", namespace, "case-1", status="False")
    said = await kubectl(api_server, "get", "dist,lh", "--namespace", namespace)
    lines = [line.split() for line in said.splitlines() if line]
    ages = [lines[1].pop(), lines[3].pop()]
    assert lines == [
        ["NAME", "READY", "REASON", "EMAIL", "SECRET", "AGE"],
        [
            "distributor.parlor.dev/card-shop",
            "True",
            "Provisioned",
            shop["spec"]["email"],
            shop["status"]["secretName"],
        ],
        ["NAME", "READY", "REASON", "MATTER", "STATE", "CONVERSATIONS", "MESSAGES", "AGE"],
        ["legalhold.parlor.dev/case-1", "False", "PartiallyPlaced", "case-1", "Active", "0", "0"],
    ]
    assert all(_AGE.match(age) for age in ages)
    named = await kubectl(api_server, "get", "parlor", "--namespace", namespace, "--output", "name")
    assert named.split() == ["distributor.parlor.dev/card-shop", "legalhold.parlor.dev/case-1"]
    wide = await kubectl(api_server, "get", "lh", "--namespace", namespace, "--output", "wide")
    assert f"Chat does not have {missing}; everything else is held" in wide


async def test_no_password_is_anywhere_but_in_its_secret(
    kube: KubeApi,
    namespace: str,
    api: Api,
    platform: Stack,
    running_operator: OperatorUnderTest,
) -> None:
    name = new_name()
    await kube.create(namespace, distributor(name))
    ready = await kube.until("Distributor", namespace, name, status="True")
    login = await kube.secret(namespace, ready["status"]["secretName"])
    await api.login(login["email"], login["password"])
    everything = [
        json.dumps(await kube.get("Distributor", namespace, name)),
        json.dumps(await kube.call("GET", f"/api/v1/namespaces/{namespace}/events")),
        running_operator.log,
        await text_of(running_operator, "/metrics"),
    ]
    tokens = [file.read_text() for file in (platform.home.credentials / "operator").iterdir()]
    assert tokens
    for place in everything:
        assert login["password"] not in place
        assert all(token not in place for token in tokens)


async def test_nothing_of_kopf_is_left_at_its_defaults(
    kube: KubeApi, namespace: str, running_operator: OperatorUnderTest
) -> None:
    name = new_name()
    await kube.create(namespace, distributor(name))
    await kube.until("Distributor", namespace, name, status="True")
    found = await kube.get("Distributor", namespace, name)
    assert found["metadata"]["finalizers"] == ["parlor.dev/operator"]
    assert set(found["metadata"].get("annotations", {})) <= {
        "operator.parlor.dev/kopf-managed",
        "operator.parlor.dev/last-handled-configuration",
        "operator.parlor.dev/distributor_changed",
    }
    assert set(found["status"]) == {"accountId", "secretName", "observedGeneration", "conditions"}
    assert "kopf" not in json.dumps(found["status"])
    assert "inconsistencies" not in running_operator.log


async def test_a_settled_resource_is_left_alone(
    kube: KubeApi, namespace: str, running_operator: OperatorUnderTest
) -> None:
    """No heartbeat: comparing ten times changes neither versions nor times nor events."""
    name = new_name()
    await kube.create(namespace, distributor(name))
    await kube.until("Distributor", namespace, name, status="True")
    before = await settled_version(kube, namespace, name)
    await kube.told(namespace, name, "Normal Provisioned")
    count = await reconciles(running_operator)

    async def compared() -> bool:
        return await reconciles(running_operator) >= count + 10

    await until_true(compared, seconds=60)
    after = await kube.get("Distributor", namespace, name)
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert condition(after, "Ready") == condition(before, "Ready")
    assert len(await kube.events(namespace, name)) == 1


async def settled_version(kube: KubeApi, namespace: str, name: str) -> Any:
    """The resource once Kopf has written down that it is done with it."""
    async with asyncio.timeout(30):
        while True:
            found = await kube.get("Distributor", namespace, name)
            if any("last-handled" in key for key in found["metadata"].get("annotations", {})):
                return found
            await asyncio.sleep(0.05)


async def reconciles(running: OperatorUnderTest) -> float:
    said = await text_of(running, "/metrics")
    found = re.search(
        r'^parlor_operator_reconciles_total\{kind="Distributor",result="True"\} (\S+)$', said, re.M
    )
    return float(found.group(1)) if found else 0.0


async def test_the_monitor_learns_of_reconciles_resources_and_watches(
    kube: KubeApi, namespace: str, running_operator: OperatorUnderTest
) -> None:
    await kube.create(namespace, distributor(new_name()))
    name = new_name()
    await kube.create(namespace, distributor(name))
    await kube.until("Distributor", namespace, name, status="True")
    said = await text_of(running_operator, "/metrics")
    for line in (
        'parlor_operator_resources{kind="Distributor",ready="True"}',
        'parlor_operator_reconcile_seconds_count{kind="Distributor"}',
    ):
        assert line in said
    resident = re.search(r"^process_resident_memory_bytes (\S+)$", said, re.M)
    assert resident
    assert float(resident[1]) < 150 * 2**20
    assert await text_of(running_operator, "/readyz") == "ok\n"
    for line in running_operator.log.splitlines():
        assert json.loads(line)["service"] == "operator"


async def test_sigterm_ends_it_at_once_and_cleanly(running_operator: OperatorUnderTest) -> None:
    await running_operator.stop()
    assert "Traceback" not in running_operator.log
    await running_operator.start()
