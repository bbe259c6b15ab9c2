"""Admins list accounts, disable them and enable them again."""

from typing import Any

import pytest
from factories.identity_replicas import (
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    OPERATOR,
    Identity,
    Replica,
    log_in,
    new_email,
    refresh,
    signed_in,
    signed_in_user,
)
from factories.running_api import Reply
from parlor_kit.ids import new_id

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
async def admin(replica: Replica) -> dict[str, Any]:
    reply = await log_in(replica.public, ADMIN_EMAIL, ADMIN_PASSWORD)
    headers = signed_in(reply.body["access_token"])
    me = await replica.public.call("GET", "/api/v1/users/me", headers=headers)
    return {"id": me.body["id"], "headers": headers}


async def user_id(replica: Replica, tokens: Reply) -> str:
    headers = signed_in(tokens.body["access_token"])
    reply = await replica.public.call("GET", "/api/v1/users/me", headers=headers)
    return str(reply.body["id"])


async def switch(replica: Replica, admin: dict[str, Any], account_id: str, to: str) -> Reply:
    return await replica.public.call(
        "POST", f"/api/v1/admin/users/{account_id}/{to}", headers=admin["headers"]
    )


async def events(identity: Identity, account_id: str) -> list[tuple[str, int]]:
    rows = await identity.rows(
        "SELECT type, data::json->>'version' AS version FROM outbox WHERE key = $1 ORDER BY id",
        account_id,
    )
    return [(row["type"], int(row["version"])) for row in rows]


async def test_a_disabled_account_is_refused_at_once_and_everywhere(
    identity: Identity, replica: Replica, admin: dict[str, Any]
) -> None:
    email, password, tokens = await signed_in_user(replica.public)
    account_id = await user_id(replica, tokens)
    disabled = await switch(replica, admin, account_id, "disable")
    assert (disabled.status, disabled.body["status"]) == (200, "disabled")
    login = await log_in(replica.public, email, password)
    assert (login.status, login.code) == (401, "invalid_credentials")
    renewed = await refresh(replica.public, tokens.body["refresh_token"])
    assert (renewed.status, renewed.code) == (401, "unauthenticated")
    me = await replica.public.call(
        "GET", "/api/v1/users/me", headers=signed_in(tokens.body["access_token"])
    )
    assert me.status == 401
    assert (await switch(replica, admin, account_id, "disable")).status == 200
    enabled = await switch(replica, admin, account_id, "enable")
    assert (enabled.status, enabled.body["status"]) == (200, "active")
    assert (await switch(replica, admin, account_id, "enable")).status == 200
    assert (await log_in(replica.public, email, password)).status == 200
    assert (await refresh(replica.public, tokens.body["refresh_token"])).status == 401
    assert await events(identity, account_id) == [
        ("account.registered", 1),
        ("account.disabled", 2),
        ("account.enabled", 3),
    ]


async def test_an_admin_cannot_disable_themselves(replica: Replica, admin: dict[str, Any]) -> None:
    reply = await switch(replica, admin, admin["id"], "disable")
    assert (reply.status, reply.code) == (409, "own_account")


async def test_nobody_there_is_nobody_to_disable(replica: Replica, admin: dict[str, Any]) -> None:
    for wrong in (str(new_id()), "not-an-id"):
        reply = await switch(replica, admin, wrong, "disable")
        assert (reply.status, reply.code) == (404, "not_found")


async def test_what_a_resource_manages_is_changed_in_the_resource(
    replica: Replica, admin: dict[str, Any]
) -> None:
    made = await replica.internal.call(
        "PUT",
        "/internal/v1/distributors/managed-1",
        json={"email": new_email("shop"), "display_name": "Card Shop"},
        headers=OPERATOR,
    )
    for to in ("disable", "enable"):
        reply = await switch(replica, admin, made.body["account_id"], to)
        assert (reply.status, reply.code) == (409, "managed_by_operator")


async def test_a_disabled_admin_can_do_nothing_more(identity: Identity, replica: Replica) -> None:
    email, password, tokens = await signed_in_user(replica.public)
    account_id = await user_id(replica, tokens)
    await identity.rows("UPDATE accounts SET role = 'admin' WHERE email = $1", email)
    reply = await log_in(replica.public, email, password)
    other: dict[str, Any] = {"id": account_id, "headers": signed_in(reply.body["access_token"])}
    await identity.rows("UPDATE accounts SET status = 'disabled' WHERE email = $1", email)
    _, _, victim = await signed_in_user(replica.public)
    refused = [
        await switch(replica, other, await user_id(replica, victim), "disable"),
        await replica.public.call("GET", "/api/v1/admin/users", headers=other["headers"]),
        await replica.public.call(
            "POST",
            "/api/v1/admin/moderators",
            json={"email": new_email(), "display_name": "Friend"},
            headers=other["headers"],
        ),
    ]
    assert {(reply.status, reply.code) for reply in refused} == {(401, "unauthenticated")}


async def test_the_list_has_every_account_once_newest_first(
    replica: Replica, admin: dict[str, Any]
) -> None:
    made = [await user_id(replica, (await signed_in_user(replica.public))[2]) for _ in range(5)]
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        reply = await replica.public.call(
            "GET", f"/api/v1/admin/users?limit=2{cursor}", headers=admin["headers"]
        )
        assert reply.status == 200
        assert len(reply.body["items"]) <= 2
        found += reply.body["items"]
        if reply.body["next_cursor"] is None:
            break
        cursor = f"&cursor={reply.body['next_cursor']}"
    ids = [item["id"] for item in found]
    assert ids == sorted(set(ids), reverse=True)
    assert set(made) <= set(ids)
    assert admin["id"] in ids


async def test_the_list_is_filtered_by_role_and_status(
    replica: Replica, admin: dict[str, Any]
) -> None:
    account_id = await user_id(replica, (await signed_in_user(replica.public))[2])
    await switch(replica, admin, account_id, "disable")
    reply = await replica.public.call(
        "GET",
        "/api/v1/admin/users?role=customer&status=disabled&limit=200",
        headers=admin["headers"],
    )
    assert account_id in {item["id"] for item in reply.body["items"]}
    assert {(item["role"], item["status"]) for item in reply.body["items"]} == {
        ("customer", "disabled")
    }


@pytest.mark.parametrize("query", ["role=king", "limit=0", "limit=201", "cursor=x", "since=1"])
async def test_a_list_that_cannot_be_meant_is_refused(
    replica: Replica, admin: dict[str, Any], query: str
) -> None:
    reply = await replica.public.call(
        "GET", f"/api/v1/admin/users?{query}", headers=admin["headers"]
    )
    assert (reply.status, reply.code) == (422, "validation_failed")
