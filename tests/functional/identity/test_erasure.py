"""People have their account erased: who may, what goes at once, and what nobody can find then."""

import orjson
import pytest
from factories.identity_replicas import (
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    OPERATOR,
    Identity,
    Replica,
    admin_headers,
    log_in,
    new_email,
    new_password,
    refresh,
    signed_in,
    signed_in_user,
)
from factories.running_api import Reply
from parlor_dev import checkout
from parlor_kit.events import Schemas

pytestmark = pytest.mark.functional

ME = "/api/v1/users/me"


async def erase(replica: Replica, headers: dict[str, str], password: str | None = None) -> Reply:
    body = {} if password is None else {"json": {"password": password}}
    return await replica.public.call("DELETE", ME, headers=headers, key=None, **body)


async def age_sessions(identity: Identity) -> None:
    """Let every login be long ago."""
    await identity.rows("UPDATE sessions SET created_at = created_at - interval '1 hour'")


async def test_a_login_of_just_now_or_the_password_confirms_and_nothing_else_does(
    identity: Identity, replica: Replica
) -> None:
    email, password, login = await signed_in_user(replica.public)
    headers = signed_in(login.body["access_token"])
    await age_sessions(identity)
    renewed = await refresh(replica.public, login.body["refresh_token"])
    for token in (login.body["access_token"], renewed.body["access_token"]):
        stale = await erase(replica, signed_in(token))
        assert (stale.status, stale.code) == (403, "confirmation_needed")
    wrong = await erase(replica, headers, password="not the password")
    assert (wrong.status, wrong.code) == (401, "invalid_credentials")
    assert (await log_in(replica.public, email, password)).status == 200
    await age_sessions(identity)
    assert (await erase(replica, headers, password=password)).status == 202

    _, _, fresh = await signed_in_user(replica.public)
    assert (await erase(replica, signed_in(fresh.body["access_token"]))).status == 202


async def test_guesses_at_the_password_are_slowed_down_as_logins_are(replica: Replica) -> None:
    _, _, login = await signed_in_user(replica.public)
    headers = signed_in(login.body["access_token"])
    replies = [await erase(replica, headers, password="guess") for _ in range(6)]
    assert [reply.status for reply in replies] == [401] * 5 + [429]


async def test_everything_that_says_who_it_was_is_gone_at_once(
    identity: Identity, replica: Replica
) -> None:
    email, password = new_email("gone"), new_password()
    name = "Remarkable Name"
    made = await replica.public.call(
        "POST",
        "/api/v1/auth/register",
        json={"email": email, "password": password, "display_name": name},
        key="register-me",
    )
    login = await log_in(replica.public, email, password)
    headers = signed_in(login.body["access_token"])
    other = await log_in(replica.public, email, password)
    await identity.rows("DELETE FROM outbox")  # as the relay does when the broker has taken them

    gone = await erase(replica, headers, password=password)
    assert gone.status == 202
    assert gone.body["account_id"] == made.body["id"]
    assert all(each["what"] and each["why"] and each["until"] for each in gone.body["stays"])
    again = await erase(replica, headers)
    assert (again.status, again.body) == (202, gone.body)

    assert (await refresh(replica.public, other.body["refresh_token"])).status == 401
    refused = await log_in(replica.public, email, password)
    assert (refused.status, refused.code) == (401, "invalid_credentials")
    assert (await replica.public.call("GET", ME, headers=headers)).status == 401

    tables = await identity.rows(
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
    )
    for table in tables:
        for needle in (email, name, email.encode().hex(), name.encode().hex()):
            found = await identity.rows(
                f'SELECT FROM "{table["name"]}" AS r WHERE strpos(r::text, $1) > 0', needle
            )
            assert not found, table["name"]
    told = await identity.rows(
        "SELECT type, data FROM outbox WHERE key = $1 ORDER BY id", made.body["id"]
    )
    assert [row["type"] for row in told] == ["account.erased", "account.disabled"]
    schemas = Schemas(checkout.kafka_folder())
    versions = []
    for row in told:
        data = orjson.loads(row["data"])
        schemas.check(row["type"], data)
        versions.append(data["version"])
    assert versions == sorted(set(versions))


async def test_the_same_address_can_register_again_as_somebody_else(replica: Replica) -> None:
    email, password, login = await signed_in_user(replica.public)
    gone = await erase(replica, signed_in(login.body["access_token"]))
    again = await replica.public.call(
        "POST",
        "/api/v1/auth/register",
        json={"email": email, "password": password, "display_name": "Back again"},
    )
    assert again.status == 201
    assert again.body["id"] != gone.body["account_id"]
    assert (await log_in(replica.public, email, password)).status == 200


async def test_an_admin_cannot_bring_it_back(replica: Replica) -> None:
    _, _, login = await signed_in_user(replica.public)
    gone = await erase(replica, signed_in(login.body["access_token"]))
    admin = await admin_headers(replica.public)
    path = f"/api/v1/admin/users/{gone.body['account_id']}"
    refused = await replica.public.call("POST", f"{path}/enable", headers=admin)
    assert (refused.status, refused.code) == (409, "account_erased")
    listed = await replica.public.call(
        "GET", "/api/v1/admin/users?status=disabled&limit=200", headers=admin
    )
    row = next(each for each in listed.body["items"] if each["id"] == gone.body["account_id"])
    assert row["erased_at"] == gone.body["erased_at"]
    assert row["display_name"] == "Erased account"


async def test_an_account_that_a_resource_manages_is_not_its_owners_to_erase(
    replica: Replica,
) -> None:
    email = new_email("managed")
    made = await replica.internal.call(
        "PUT",
        "/internal/v1/distributors/uid-of-a-managed-one",
        headers=OPERATOR,
        json={"email": email, "display_name": "Managed"},
    )
    login = await log_in(replica.public, email, made.body["initial_password"])
    refused = await erase(replica, signed_in(login.body["access_token"]))
    assert (refused.status, refused.code) == (409, "managed_by_operator")
    assert (await log_in(replica.public, email, made.body["initial_password"])).status == 200


async def test_a_distributor_that_admins_made_may_go(replica: Replica) -> None:
    admin = await admin_headers(replica.public)
    made = await replica.public.call(
        "POST",
        "/api/v1/admin/distributors",
        json={"email": new_email("shop"), "display_name": "Card Shop"},
        headers=admin,
    )
    login = await log_in(replica.public, made.body["email"], made.body["initial_password"])
    assert (await erase(replica, signed_in(login.body["access_token"]))).status == 202


async def test_the_last_admin_stays(replica: Replica) -> None:
    login = await log_in(replica.public, ADMIN_EMAIL, ADMIN_PASSWORD)
    refused = await erase(replica, signed_in(login.body["access_token"]))
    assert (refused.status, refused.code) == (409, "last_admin")
