"""What the operator does with the account of a Distributor resource, over and over."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from factories.identity_replicas import (
    OPERATOR,
    Identity,
    Replica,
    log_in,
    new_email,
    refresh,
    signed_in_user,
)
from factories.running_api import Reply

pytestmark = pytest.mark.functional

CUSTOMER = {"x-service-identity": "system:serviceaccount:parlor:customer"}


def uid() -> str:
    return str(uuid4())


async def put(replica: Replica, resource: str, email: str, **options: Any) -> Reply:
    return await replica.internal.call(
        "PUT",
        f"/internal/v1/distributors/{resource}",
        json={"email": email, "display_name": "Card Shop", **options},
        headers=OPERATOR,
    )


async def get(replica: Replica, resource: str) -> Reply:
    return await replica.internal.call(
        "GET", f"/internal/v1/distributors/{resource}", headers=OPERATOR
    )


async def delete(replica: Replica, resource: str, policy: str = "") -> Reply:
    query = f"?policy={policy}" if policy else ""
    return await replica.internal.call(
        "DELETE", f"/internal/v1/distributors/{resource}{query}", headers=OPERATOR
    )


async def events(identity: Identity, account_id: str) -> list[str]:
    rows = await identity.rows("SELECT type FROM outbox WHERE key = $1 ORDER BY id", account_id)
    return [row["type"] for row in rows]


async def test_a_resource_gets_one_account_however_often_it_is_put(
    identity: Identity, replica: Replica
) -> None:
    resource, email = uid(), new_email("shop")
    made = await put(replica, resource, email)
    assert made.status == 201
    assert made.body.keys() == {
        "account_id", "email", "display_name", "status", "suspended_by_moderators",
        "initial_password",
    }  # fmt: skip
    again = await put(replica, resource, email)
    assert again.status == 200
    shown = {key: value for key, value in made.body.items() if key != "initial_password"}
    assert again.body == shown
    assert (await get(replica, resource)).body == shown
    assert await events(identity, shown["account_id"]) == ["account.registered"]
    assert (await log_in(replica.public, email, made.body["initial_password"])).status == 200


async def test_an_email_of_somebody_else_is_never_adopted(replica: Replica) -> None:
    email, password, _ = await signed_in_user(replica.public)
    reply = await put(replica, uid(), email)
    assert (reply.status, reply.code) == (409, "email_taken")
    assert (await log_in(replica.public, email, password)).status == 200
    resource = uid()
    await put(replica, resource, new_email("shop"))
    moved = await put(replica, resource, email)
    assert (moved.status, moved.code) == (409, "email_taken")


async def test_the_operator_is_told_what_moderators_suspended(
    identity: Identity, replica: Replica
) -> None:
    resource, email = uid(), new_email("shop")
    made = await put(replica, resource, email)
    assert made.body["suspended_by_moderators"] is False
    await identity.rows(
        "UPDATE accounts SET status = 'disabled', suspended_for = $2 WHERE id = $1",
        UUID(made.body["account_id"]),
        uuid4(),
    )
    for told in (await get(replica, resource), await put(replica, resource, email)):
        assert told.status == 200
        assert (told.body["status"], told.body["suspended_by_moderators"]) == ("disabled", True)


async def test_the_account_follows_the_resource(identity: Identity, replica: Replica) -> None:
    resource, email, later = uid(), new_email("shop"), new_email("shop")
    made = await put(replica, resource, email)
    password = made.body["initial_password"]
    tokens = await log_in(replica.public, email, password)
    renamed = await put(replica, resource, later, display_name="Better Shop")
    assert renamed.status == 200
    assert (renamed.body["email"], renamed.body["display_name"]) == (later, "Better Shop")
    assert (await log_in(replica.public, email, password)).status == 401
    assert (await log_in(replica.public, later, password)).status == 200
    suspended = await put(replica, resource, later, display_name="Better Shop", suspended=True)
    assert suspended.body["status"] == "disabled"
    assert (await log_in(replica.public, later, password)).status == 401
    assert (await refresh(replica.public, tokens.body["refresh_token"])).status == 401
    resumed = await put(replica, resource, later, display_name="Better Shop")
    assert resumed.body["status"] == "active"
    assert (await log_in(replica.public, later, password)).status == 200
    assert await events(identity, made.body["account_id"]) == [
        "account.registered", "account.changed", "account.disabled", "account.enabled",
    ]  # fmt: skip


async def test_a_resource_may_begin_suspended(identity: Identity, replica: Replica) -> None:
    made = await put(replica, uid(), new_email("shop"), suspended=True)
    assert (made.status, made.body["status"]) == (201, "disabled")
    assert await events(identity, made.body["account_id"]) == [
        "account.registered", "account.disabled",
    ]  # fmt: skip


async def test_a_first_password_that_got_lost_is_made_again_until_it_was_used(
    replica: Replica,
) -> None:
    resource, email = uid(), new_email("shop")
    lost = (await put(replica, resource, email)).body["initial_password"]
    again = await put(replica, resource, email, reissue_password=True)
    assert again.status == 200
    password = again.body["initial_password"]
    assert password != lost
    assert (await log_in(replica.public, email, lost)).status == 401
    assert (await log_in(replica.public, email, password)).status == 200
    kept = await put(replica, resource, email, reissue_password=True)
    assert "initial_password" not in kept.body
    assert (await log_in(replica.public, email, password)).status == 200


async def test_a_deleted_resource_leaves_its_account_to_the_admins(replica: Replica) -> None:
    resource, email = uid(), new_email("shop")
    password = (await put(replica, resource, email)).body["initial_password"]
    assert [(await delete(replica, resource)).status for _ in range(2)] == [204, 204]
    assert (await get(replica, resource)).status == 404
    assert (await log_in(replica.public, email, password)).status == 200
    taken = await put(replica, uid(), email)
    assert (taken.status, taken.code) == (409, "email_taken")


async def test_a_deleted_resource_may_take_its_account_out_of_use(
    identity: Identity, replica: Replica
) -> None:
    resource, email = uid(), new_email("shop")
    made = await put(replica, resource, email)
    assert [(await delete(replica, resource, "disable")).status for _ in range(2)] == [204, 204]
    login = await log_in(replica.public, email, made.body["initial_password"])
    assert login.status == 401
    assert await events(identity, made.body["account_id"]) == [
        "account.registered", "account.disabled",
    ]  # fmt: skip


async def test_what_was_never_there_is_not_found(replica: Replica) -> None:
    assert (await get(replica, uid())).status == 404
    assert (await delete(replica, uid())).status == 404
    assert (await delete(replica, uid(), "forget")).status == 422
    assert (await put(replica, "a%20b", new_email())).status == 404


async def test_customer_reads_accounts_one_by_one_and_in_batches(replica: Replica) -> None:
    made = await put(replica, uid(), new_email("shop"))
    one = await replica.internal.call(
        "GET", f"/internal/v1/users/{made.body['account_id']}", headers=CUSTOMER
    )
    assert one.body == {
        "id": made.body["account_id"],
        "email": made.body["email"],
        "display_name": "Card Shop",
        "role": "distributor",
        "status": "active",
        "version": 1,
    }
    unknown = str(uuid4())
    ids = [unknown, made.body["account_id"], made.body["account_id"]]
    batch = await replica.internal.call(
        "POST", "/internal/v1/users/batch", json={"ids": ids}, headers=CUSTOMER
    )
    assert batch.body == {"users": [one.body]}
    missing = await replica.internal.call("GET", f"/internal/v1/users/{unknown}", headers=CUSTOMER)
    assert missing.status == 404
    too_many = await replica.internal.call(
        "POST", "/internal/v1/users/batch", json={"ids": [unknown] * 501}, headers=CUSTOMER
    )
    assert too_many.status == 422
    for caller in ("chat", "game", "operator"):
        named = {"x-service-identity": f"system:serviceaccount:parlor:{caller}"}
        for method, path, body in (
            ("GET", f"/internal/v1/users/{unknown}", None),
            ("POST", "/internal/v1/users/batch", {"ids": ids}),
        ):
            refused = await replica.internal.call(method, path, json=body, headers=named)
            assert refused.status == 403, caller
