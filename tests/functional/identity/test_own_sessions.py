"""People see their sessions, end them, and set another password."""

from typing import Any

import pytest
from factories.identity_replicas import (
    Identity,
    Replica,
    coming_from,
    log_in,
    new_password,
    refresh,
    signed_in,
    signed_in_user,
)
from factories.running_api import Reply

pytestmark = pytest.mark.functional

SESSIONS = "/api/v1/users/me/sessions"


async def sessions(replica: Replica, headers: dict[str, str]) -> list[dict[str, Any]]:
    reply = await replica.public.call("GET", SESSIONS, headers=headers)
    assert reply.status == 200
    items: list[dict[str, Any]] = reply.body["items"]
    return items


async def set_password(replica: Replica, headers: dict[str, str], current: str, new: str) -> Reply:
    return await replica.public.call(
        "POST",
        "/api/v1/users/me/password",
        json={"current_password": current, "new_password": new},
        headers=headers | coming_from("192.0.2.90"),
    )


async def test_sessions_are_listed_newest_first_with_the_asking_one_marked(
    replica: Replica,
) -> None:
    email, password, first = await signed_in_user(replica.public)
    second = await log_in(
        replica.public,
        email,
        password,
        headers={"user-agent": "Parlor for tables/1.0"} | coming_from("2001:db8::7"),
    )
    found = await sessions(replica, signed_in(second.body["access_token"]))
    assert [item["current"] for item in found] == [True, False]
    assert found[0]["user_agent"] == "Parlor for tables/1.0"
    assert found[0]["address"] == "2001:db8::/64"
    assert found[0].keys() == {
        "id", "created_at", "last_used_at", "expires_at", "user_agent", "address", "current",
    }  # fmt: skip
    page = await replica.public.call(
        "GET", f"{SESSIONS}?limit=1", headers=signed_in(first.body["access_token"])
    )
    assert page.body["items"][0]["id"] == found[0]["id"]
    rest = await replica.public.call(
        "GET",
        f"{SESSIONS}?cursor={page.body['next_cursor']}",
        headers=signed_in(first.body["access_token"]),
    )
    assert [item["id"] for item in rest.body["items"]] == [found[1]["id"]]


async def test_a_session_is_ended_from_another_device(replica: Replica) -> None:
    email, password, lost = await signed_in_user(replica.public)
    here = await log_in(replica.public, email, password)
    headers = signed_in(here.body["access_token"])
    target = next(item["id"] for item in await sessions(replica, headers) if not item["current"])
    ended = await replica.public.call("DELETE", f"{SESSIONS}/{target}", headers=headers)
    assert ended.status == 204
    assert (await refresh(replica.public, lost.body["refresh_token"])).status == 401
    assert [item["current"] for item in await sessions(replica, headers)] == [True]
    again = await replica.public.call("DELETE", f"{SESSIONS}/{target}", headers=headers)
    assert again.status == 404


async def test_nobody_ends_the_session_of_another(replica: Replica) -> None:
    _, _, mine = await signed_in_user(replica.public)
    _, _, theirs = await signed_in_user(replica.public)
    headers = signed_in(theirs.body["access_token"])
    target = (await sessions(replica, headers))[0]["id"]
    reply = await replica.public.call(
        "DELETE", f"{SESSIONS}/{target}", headers=signed_in(mine.body["access_token"])
    )
    assert (reply.status, reply.code) == (404, "not_found")
    assert (await refresh(replica.public, theirs.body["refresh_token"])).status == 200


async def test_another_password_ends_all_other_sessions(replica: Replica) -> None:
    email, password, here = await signed_in_user(replica.public)
    elsewhere = await log_in(replica.public, email, password)
    headers, new = signed_in(here.body["access_token"]), new_password()
    assert (await set_password(replica, headers, password, new)).status == 204
    assert (await refresh(replica.public, elsewhere.body["refresh_token"])).status == 401
    assert (await refresh(replica.public, here.body["refresh_token"])).status == 200
    assert (await log_in(replica.public, email, password)).status == 401
    assert (await log_in(replica.public, email, new)).status == 200


async def test_a_bad_new_password_is_refused(replica: Replica) -> None:
    email, password, here = await signed_in_user(replica.public)
    headers = signed_in(here.body["access_token"])
    reply = await set_password(replica, headers, password, "password1234")
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert [error["field"] for error in reply.body["errors"]] == ["new_password"]
    assert (await log_in(replica.public, email, password)).status == 200


async def test_a_stolen_access_token_is_no_way_to_guess_the_password(
    identity: Identity, replica: Replica
) -> None:
    _, password, here = await signed_in_user(replica.public)
    headers = signed_in(here.body["access_token"])
    replies = [await set_password(replica, headers, "guess", new_password()) for _ in range(6)]
    assert [reply.status for reply in replies] == [401] * 5 + [429]
    assert {reply.code for reply in replies} == {"invalid_credentials", "too_many_attempts"}
    right = await set_password(replica, headers, password, new_password())
    assert right.status == 429
