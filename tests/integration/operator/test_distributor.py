"""What becomes of a Distributor, with the real API server, operator and identity."""

import secrets
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from factories.kube_api import KubeApi, condition, distributor
from factories.kube_servers import OperatorUnderTest
from factories.polling import until_true
from parlor_dev.client import Api, Refused
from parlor_dev.stack import Stack

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("running_operator")]

KIND = "Distributor"


def new_name() -> str:
    return f"shop-{secrets.token_hex(4)}"


async def login_of(kube: KubeApi, namespace: str, resource: Any) -> tuple[str, str]:
    found = await kube.secret(namespace, resource["status"]["secretName"])
    return found["email"], found["password"]


async def account(stack: Stack, uid: str) -> dict[str, Any]:
    connection = await asyncpg.connect(stack.database_url("identity", owner=True))
    try:
        rows = await connection.fetch("SELECT * FROM accounts WHERE resource_uid = $1", uid)
    finally:
        await connection.close()
    assert len(rows) == 1
    return dict(rows[0])


async def tamper(stack: Stack, uid: str, change: str) -> None:
    connection = await asyncpg.connect(stack.database_url("identity", owner=True))
    try:
        await connection.execute(f"UPDATE accounts SET {change} WHERE resource_uid = $1", uid)
    finally:
        await connection.close()


async def test_a_distributor_can_log_in_with_the_password_in_its_secret(
    kube: KubeApi, namespace: str, platform: Stack, api: Api
) -> None:
    name = new_name()
    made = await kube.create(namespace, distributor(name))
    ready = await kube.until(KIND, namespace, name, status="True", reason="Provisioned")
    status = ready["status"]
    assert status["observedGeneration"] == 1
    assert condition(ready, "AccountProvisioned")["status"] == "True"
    email, password = await login_of(kube, namespace, ready)
    caller = await api.login(email, password)
    me = await caller.get("/api/v1/users/me")
    assert (me["id"], me["role"], me["display_name"]) == (
        status["accountId"],
        "distributor",
        "Card Shop",
    )
    secret = await kube.call(
        "GET", f"/api/v1/namespaces/{namespace}/secrets/{status['secretName']}"
    )
    assert secret["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "parlor.dev/v1alpha1",
            "kind": KIND,
            "name": name,
            "uid": made["metadata"]["uid"],
            "controller": True,
        }
    ]
    await kube.told(namespace, name, "Normal Provisioned")


async def test_a_rename_and_a_new_address_follow(kube: KubeApi, namespace: str, api: Api) -> None:
    name = new_name()
    await kube.create(namespace, distributor(name))
    await kube.until(KIND, namespace, name, status="True")
    await kube.change(KIND, namespace, name, email=f"New.{name}@Example.com", displayName="Other")
    ready = await kube.until(KIND, namespace, name, status="True")
    assert ready["status"]["observedGeneration"] == 2
    email, password = await login_of(kube, namespace, ready)
    assert email == f"new.{name}@example.com"
    me = await (await api.login(email, password)).get("/api/v1/users/me")
    assert me["display_name"] == "Other"


async def test_suspension_disables_and_its_end_enables(
    kube: KubeApi, namespace: str, api: Api
) -> None:
    name = new_name()
    await kube.create(namespace, distributor(name, suspended=True))
    ready = await kube.until(KIND, namespace, name, status="True", reason="Suspended")
    email, password = await login_of(kube, namespace, ready)
    with pytest.raises(Refused) as refused:
        await api.login(email, password)
    assert refused.value.code == "invalid_credentials"
    await kube.change(KIND, namespace, name, suspended=False)
    await kube.until(KIND, namespace, name, status="True", reason="Provisioned")
    await api.login(email, password)


async def test_an_address_that_somebody_has_is_a_conflict_and_never_adopted(
    kube: KubeApi, namespace: str, api: Api
) -> None:
    email = f"taken.{secrets.token_hex(4)}@example.com"
    await api.post(
        "/api/v1/auth/register",
        {"email": email, "password": "correct-horse-battery", "display_name": "Somebody"},
    )
    name = new_name()
    await kube.create(namespace, distributor(name, email=email))
    refused = await kube.until(KIND, namespace, name, status="False", reason="Conflict")
    assert condition(refused, "AccountProvisioned")["reason"] == "Conflict"
    assert "accountId" not in refused["status"]
    assert "secretName" not in refused["status"]
    assert (await api.login(email, "correct-horse-battery")).token
    await kube.told(namespace, name, "Warning Conflict")
    await kube.change(KIND, namespace, name, email=f"free.{name}@example.com")
    await kube.until(KIND, namespace, name, status="True", reason="Provisioned")


async def test_drift_is_repaired_and_told(kube: KubeApi, namespace: str, platform: Stack) -> None:
    name = new_name()
    made = await kube.create(namespace, distributor(name))
    uid = made["metadata"]["uid"]
    await kube.until(KIND, namespace, name, status="True")
    await tamper(platform, uid, "display_name = 'Taken over', status = 'disabled'")

    async def repaired() -> bool:
        row = await account(platform, uid)
        return (row["display_name"], row["status"]) == ("Card Shop", "active")

    await until_true(repaired, seconds=20)
    told = await kube.told(namespace, name, "Normal Provisioned", "Warning DriftRepaired")
    assert "display name and suspension" in told[1][2]


async def test_what_moderators_suspended_is_not_ready_until_an_admin_lifts_it(
    kube: KubeApi, namespace: str, platform: Stack
) -> None:
    name = new_name()
    made = await kube.create(namespace, distributor(name))
    uid = made["metadata"]["uid"]
    await kube.until(KIND, namespace, name, status="True", reason="Provisioned")
    await tamper(platform, uid, f"status = 'disabled', suspended_for = '{uuid4()}'")
    await kube.until(KIND, namespace, name, status="False", reason="SuspendedByModerators")
    await tamper(platform, uid, "suspended_for = NULL")
    await kube.until(KIND, namespace, name, status="True", reason="Provisioned")
    assert (await account(platform, uid))["status"] == "active"
    await kube.told(
        namespace,
        name,
        "Normal Provisioned",
        "Warning SuspendedByModerators",
        "Normal Provisioned",
    )


async def test_a_secret_that_is_deleted_before_the_first_login_comes_with_a_new_password(
    kube: KubeApi, namespace: str, api: Api
) -> None:
    name = new_name()
    await kube.create(namespace, distributor(name))
    ready = await kube.until(KIND, namespace, name, status="True")
    email, first = await login_of(kube, namespace, ready)
    path = f"/api/v1/namespaces/{namespace}/secrets/{ready['status']['secretName']}"
    await kube.call("DELETE", path)

    async def another() -> bool:
        found = await kube.find(KIND, namespace, name)
        secrets_there = await kube.call("GET", f"/api/v1/namespaces/{namespace}/secrets")
        return bool(found and secrets_there["items"])

    await until_true(another, seconds=20)
    _, second = await login_of(kube, namespace, ready)
    assert second != first
    await api.login(email, second)
    await kube.call("DELETE", path)

    async def without() -> bool:
        return "secretName" not in (await kube.get(KIND, namespace, name))["status"]

    await until_true(without, seconds=20)
    await api.login(email, second)


async def test_retain_leaves_the_account_to_the_admins_as_it_is(
    kube: KubeApi, namespace: str, platform: Stack, api: Api
) -> None:
    name = new_name()
    made = await kube.create(namespace, distributor(name))
    ready = await kube.until(KIND, namespace, name, status="True")
    email, password = await login_of(kube, namespace, ready)
    await kube.delete(KIND, namespace, name)
    await kube.until_gone(KIND, namespace, name)
    await api.login(email, password)
    row = await account(platform, made["metadata"]["uid"])
    assert (row["status"], row["managed_by"]) == ("active", "api")
    assert (await kube.call("GET", f"/api/v1/namespaces/{namespace}/secrets"))["items"] == []


async def test_disable_disables_the_account_of_a_deleted_resource(
    kube: KubeApi, namespace: str, platform: Stack
) -> None:
    name = new_name()
    made = await kube.create(namespace, distributor(name, deletionPolicy="Disable"))
    await kube.until(KIND, namespace, name, status="True")
    await kube.delete(KIND, namespace, name)
    await kube.until_gone(KIND, namespace, name)
    row = await account(platform, made["metadata"]["uid"])
    assert (row["status"], row["managed_by"]) == ("disabled", "api")


async def test_only_one_account_for_resources_that_ask_for_the_same_address(
    kube: KubeApi, namespace: str, running_operator: OperatorUnderTest
) -> None:
    first, second = new_name(), new_name()
    email = f"{first}@example.com"
    await kube.create(namespace, distributor(first, email=email))
    await kube.until(KIND, namespace, first, status="True")
    await kube.create(namespace, distributor(second, email=email))
    await kube.until(KIND, namespace, second, status="False", reason="Conflict")
    await kube.until(KIND, namespace, first, status="True", reason="Provisioned")
    assert running_operator.process.running
