"""The operator as the chart runs it by default: a Role in each namespace it watches, no more."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from factories.dead_watch import live
from factories.kube_accounts import NamespacedAccount, kubeconfig_with, rules
from factories.kube_api import KubeApi, condition, distributor, legal_hold
from factories.kube_servers import Kubernetes, OperatorUnderTest, operator
from factories.polling import until_true
from parlor_dev.stack import Stack

pytestmark = pytest.mark.cluster


@pytest.fixture
async def elsewhere(kube: KubeApi) -> AsyncIterator[str]:
    """A namespace that the operator was not told of."""
    name = f"t-{secrets.token_hex(4)}"
    await kube.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    for kind in ("Distributor", "LegalHold"):
        for left in await kube.items(kind, name):
            await kube.delete(kind, name, left["metadata"]["name"])
    await kube.call("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
async def account(kube: KubeApi, namespace: str) -> NamespacedAccount:
    made = NamespacedAccount(kube, namespace)
    await made.make()
    return made


@pytest.fixture
async def confined(
    platform: Stack,
    api_server: Kubernetes,
    namespace: str,
    account: NamespacedAccount,
    tmp_path: Path,
) -> AsyncIterator[OperatorUnderTest]:
    """The operator with that account, told to watch that namespace."""
    token = await account.token()
    kubeconfig = kubeconfig_with(token, like=api_server.kubeconfig, to=tmp_path / "kubeconfig")
    env = {"PARLOR_WATCH_NAMESPACES": namespace, "OPERATOR_WATCH_LAG": "PT6S"}
    async with operator(platform, kubeconfig, env) as running:
        yield running


async def test_it_sees_to_its_namespace_and_to_no_other(
    kube: KubeApi, namespace: str, elsewhere: str, confined: OperatorUnderTest
) -> None:
    name = f"shop-{secrets.token_hex(4)}"
    await kube.create(elsewhere, distributor(name, email=f"else.{name}@example.com"))
    await kube.create(elsewhere, legal_hold(name, conversationIds=[str(uuid4())]))
    await kube.create(namespace, distributor(name))
    ready = await kube.until("Distributor", namespace, name, status="True", reason="Provisioned")
    assert (await kube.secret(namespace, ready["status"]["secretName"]))["password"]
    for kind in ("Distributor", "LegalHold"):
        left_alone = await kube.get(kind, elsewhere, name)
        assert "status" not in left_alone
        assert "finalizers" not in left_alone["metadata"]
    await kube.delete("Distributor", namespace, name)
    await kube.until_gone("Distributor", namespace, name)
    assert (await live(confined))[0] == 200
    assert "watchdog" not in confined.log


async def test_rights_that_were_taken_away_are_said_and_made_up_for(
    kube: KubeApi, namespace: str, account: NamespacedAccount, confined: OperatorUnderTest
) -> None:
    await account.may([each for each in rules() if each["resources"] != ["secrets"]])
    name = f"shop-{secrets.token_hex(4)}"
    await kube.create(namespace, distributor(name))
    waiting = await kube.until(
        "Distributor", namespace, name, status="Unknown", reason="ClusterUnavailable"
    )
    assert "403" in condition(waiting, "Ready")["message"]
    await account.may(rules())
    await kube.until("Distributor", namespace, name, status="True", reason="Provisioned")


async def test_a_watchdog_that_may_not_look_says_so_and_ends_nothing(
    kube: KubeApi, namespace: str, account: NamespacedAccount, confined: OperatorUnderTest
) -> None:
    await account.may([])

    async def said() -> bool:
        return "watchdog.cannot_tell" in confined.log

    await until_true(said, seconds=30)
    assert (await live(confined))[0] == 200
    await account.may(rules())
    name = f"shop-{secrets.token_hex(4)}"
    await kube.create(namespace, distributor(name))
    await kube.until("Distributor", namespace, name, status="True", seconds=60)
