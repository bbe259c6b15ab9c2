"""Admins make accounts for distributors and moderators."""

import asyncio
from typing import Any

import pytest
from factories.identity_replicas import (
    Identity,
    Replica,
    admin_headers,
    log_in,
    new_email,
    new_password,
)
from factories.running_api import Reply

pytestmark = pytest.mark.functional

ROLES = ["distributor", "moderator"]


@pytest.fixture(scope="module")
async def admin(replica: Replica) -> dict[str, str]:
    return await admin_headers(replica.public)


async def provision(
    replica: Replica, admin: dict[str, str], role: str, email: str, **options: Any
) -> Reply:
    key = options.pop("key", None)
    return await replica.public.call(
        "POST",
        f"/api/v1/admin/{role}s",
        json={"email": email, "display_name": "Card Shop", **options},
        headers=admin,
        key=key,
    )


@pytest.mark.parametrize("role", ROLES)
async def test_a_first_password_is_made_and_shown_once(
    replica: Replica, admin: dict[str, str], role: str
) -> None:
    email = new_email(role)
    made = await provision(replica, admin, role, email)
    assert made.status == 201
    assert made.headers["cache-control"] == "no-store"
    assert made.body == {
        "id": made.body["id"],
        "email": email,
        "display_name": "Card Shop",
        "role": role,
        "status": "active",
        "managed_by": "api",
        "created_at": made.body["created_at"],
        "initial_password": made.body["initial_password"],
    }
    assert (await log_in(replica.public, email, made.body["initial_password"])).status == 200
    listed = await replica.public.call("GET", f"/api/v1/admin/users?email={email}", headers=admin)
    shown = {**made.body, "erased_at": None}
    del shown["initial_password"]
    assert listed.body["items"] == [shown]


@pytest.mark.parametrize("role", ROLES)
async def test_a_given_password_is_not_shown(
    replica: Replica, admin: dict[str, str], role: str
) -> None:
    email, password = new_email(role), new_password()
    made = await provision(replica, admin, role, email, password=password)
    assert made.status == 201
    assert "initial_password" not in made.body
    assert (await log_in(replica.public, email, password)).status == 200


async def test_a_taken_email_is_refused(replica: Replica, admin: dict[str, str]) -> None:
    email = new_email()
    assert (await provision(replica, admin, "moderator", email)).status == 201
    again = await provision(replica, admin, "distributor", email)
    assert (again.status, again.code) == (409, "email_taken")


async def test_a_common_password_is_refused(replica: Replica, admin: dict[str, str]) -> None:
    reply = await provision(replica, admin, "distributor", new_email(), password="password1234")
    assert (reply.status, reply.code) == (422, "validation_failed")


async def test_one_key_twenty_times_at_once_makes_one_account_with_one_password(
    identity: Identity, replica: Replica, admin: dict[str, str]
) -> None:
    email = new_email()
    replies = await asyncio.gather(
        *(provision(replica, admin, "distributor", email, key="once") for _ in range(20))
    )
    assert {reply.status for reply in replies} == {201}
    assert len({str(reply.body) for reply in replies}) == 1
    first = replies[0].body
    assert (await log_in(replica.public, email, first["initial_password"])).status == 200
    events = await identity.rows("SELECT type FROM outbox WHERE key = $1", first["id"])
    assert [row["type"] for row in events] == ["account.registered"]
    stored = await identity.rows(
        "SELECT sealed, answer FROM idempotency_records WHERE object_id::text = $1", first["id"]
    )
    assert [row["sealed"] for row in stored] == [True]
    assert first["initial_password"].encode() not in stored[0]["answer"]
    other = await provision(replica, admin, "distributor", new_email(), key="once")
    assert (other.status, other.code) == (409, "idempotency_key_reused")
