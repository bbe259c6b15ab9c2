"""Invites of a distributor: made, shown once, listed and revoked, by nobody else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from factories.identity_stand_in import IdentityStandIn, User
from factories.running_api import Reply, RunningApi
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

Redeem = Callable[..., Awaitable[Reply]]
MakeInvite = Callable[..., Awaitable[dict[str, str]]]

PATH = "/api/v1/invites"


async def listed(customer: RunningApi, distributor: User, query: str = "") -> Any:
    answer = await customer.public.call("GET", PATH + query, headers=distributor.authorization)
    assert answer.status == 200, answer.body
    return answer.body


@pytest.mark.parametrize("role", ["customer", "moderator", "admin"])
async def test_only_distributors_invite_list_and_revoke(
    customer: RunningApi, identity: IdentityStandIn, role: str
) -> None:
    headers = identity.user(role).authorization
    for method, path in (("POST", PATH), ("GET", PATH), ("DELETE", f"{PATH}/{new_id()}")):
        answer = await customer.public.call(method, path, headers=headers, json={})
        assert (answer.status, answer.code) == (403, "forbidden"), (method, role)


async def test_nobody_invites_lists_or_revokes_without_a_token(customer: RunningApi) -> None:
    for method, path in (("POST", PATH), ("GET", PATH), ("DELETE", f"{PATH}/{new_id()}")):
        answer = await customer.public.call(method, path)
        assert (answer.status, answer.code) == (401, "unauthenticated"), method
        assert answer.headers["content-type"] == "application/problem+json"


async def test_an_invite_has_the_contracts_fields_and_defaults(
    identity: IdentityStandIn, make_invite: MakeInvite
) -> None:
    distributor = identity.user("distributor")
    invite: dict[str, Any] = dict(await make_invite(distributor))
    assert invite.pop("token").startswith("inv_")
    assert UUID(invite.pop("id")).version == 7
    created, expires = invite.pop("created_at"), invite.pop("expires_at")
    assert created < expires
    assert created.endswith("Z")
    assert invite == {
        "distributor_id": str(distributor.id),
        "email": None,
        "max_uses": 1,
        "uses": 0,
        "status": "active",
        "note": None,
        "revoked_at": None,
    }


@pytest.mark.parametrize(
    ("terms", "fields"),
    [
        ({"max_uses": 0}, {"max_uses"}),
        ({"max_uses": "3"}, {"max_uses"}),
        ({"max_uses": True}, {"max_uses"}),
        ({"expires_in": 0, "max_uses": -1}, {"expires_in", "max_uses"}),
        ({"expires_in": 10**12}, {"expires_in"}),
        ({"email": "nobody"}, {"email"}),
        ({"note": "x" * 501}, {"note"}),
        ({"note": "a\x00b"}, {"note"}),
        ({"distributor_id": str(new_id())}, {"distributor_id"}),
        ([], {""}),
    ],
)
async def test_terms_that_break_a_rule_are_all_named(
    customer: RunningApi, identity: IdentityStandIn, terms: Any, fields: set[str]
) -> None:
    headers = identity.user("distributor").authorization
    answer = await customer.public.call("POST", PATH, headers=headers, json=terms)
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert {error["field"] for error in answer.body["errors"]} == fields


async def test_a_key_gives_the_first_invite_and_its_token_again(
    customer: RunningApi, identity: IdentityStandIn, rows: asyncpg.Connection
) -> None:
    headers = identity.user("distributor").authorization
    answers = await asyncio.gather(
        *(
            customer.public.call("POST", PATH, headers=headers, key="k", json={"note": "once"})
            for _ in range(20)
        )
    )
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["token"] for answer in answers}) == 1
    other = await customer.public.call(
        "POST", PATH, headers=headers, key="k", json={"note": "twice"}
    )
    assert (other.status, other.code) == (409, "idempotency_key_reused")
    stored = await rows.fetchval(
        "SELECT string_agg(encode(answer, 'escape'), ' ') FROM idempotency_records"
    )
    assert answers[0].body["token"] not in stored


async def test_a_disabled_distributor_invites_nobody(
    customer: RunningApi, identity: IdentityStandIn
) -> None:
    headers = identity.user("distributor", status="disabled").authorization
    answer = await customer.public.call("POST", PATH, headers=headers, json={})
    assert (answer.status, answer.code) == (403, "account_disabled")


async def test_a_known_distributor_invites_without_identity(
    customer: RunningApi, identity: IdentityStandIn, make_invite: MakeInvite
) -> None:
    known, unknown = identity.user("distributor"), identity.user("distributor")
    await make_invite(known)
    identity.away = True
    try:
        await make_invite(known)
        answer = await customer.public.call("POST", PATH, headers=unknown.authorization, json={})
    finally:
        identity.away = False
    assert (answer.status, answer.code) == (503, "dependency_unavailable")


async def test_the_list_is_the_distributors_own_newest_first_in_pages(
    customer: RunningApi, identity: IdentityStandIn, make_invite: MakeInvite
) -> None:
    distributor = identity.user("distributor")
    await make_invite(identity.user("distributor"))
    made = [(await make_invite(distributor))["id"] for _ in range(5)]
    seen, query = [], "?limit=2"
    while True:
        page = await listed(customer, distributor, query)
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        assert all("token" not in item for item in page["items"])
        if page["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"
    assert seen == made[::-1]


async def test_a_full_last_page_has_no_cursor(
    customer: RunningApi, identity: IdentityStandIn, make_invite: MakeInvite
) -> None:
    distributor = identity.user("distributor")
    await make_invite(distributor)
    assert (await listed(customer, distributor, "?limit=1"))["next_cursor"] is None


async def test_the_list_can_be_narrowed_to_one_status(
    customer: RunningApi,
    identity: IdentityStandIn,
    make_invite: MakeInvite,
    redeem: Redeem,
    rows: asyncpg.Connection,
) -> None:
    distributor = identity.user("distributor")
    made = {name: await make_invite(distributor) for name in ("active", "expired", "revoked")}
    made["exhausted"] = await make_invite(distributor)
    await redeem(identity.user("customer"), made["exhausted"]["token"])
    await customer.public.call(
        "DELETE", f"{PATH}/{made['revoked']['id']}", headers=distributor.authorization
    )
    await rows.execute(
        "UPDATE invites SET expires_at = now() WHERE id = $1", UUID(made["expired"]["id"])
    )
    for status, invite in made.items():
        page = await listed(customer, distributor, f"?status={status}")
        assert [(item["id"], item["status"]) for item in page["items"]] == [(invite["id"], status)]
    everything = await listed(customer, distributor)
    assert {item["status"] for item in everything["items"]} == set(made)


@pytest.mark.parametrize(
    "query", ["?limit=0", "?limit=201", "?limit=x", "?status=lost", "?cursor=x", "?colour=red"]
)
async def test_a_list_refuses_what_it_does_not_know(
    customer: RunningApi, identity: IdentityStandIn, query: str
) -> None:
    headers = identity.user("distributor").authorization
    answer = await customer.public.call("GET", PATH + query, headers=headers)
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert [error["field"] for error in answer.body["errors"]] == [query[1:].partition("=")[0]]


async def test_a_distributor_revokes_only_its_own_and_the_first_time_stands(
    customer: RunningApi,
    identity: IdentityStandIn,
    make_invite: MakeInvite,
    rows: asyncpg.Connection,
) -> None:
    distributor, stranger = identity.user("distributor"), identity.user("distributor")
    invite = await make_invite(distributor)
    path = f"{PATH}/{invite['id']}"
    hidden = await customer.public.call("DELETE", path, headers=stranger.authorization)
    assert (hidden.status, hidden.code) == (404, "invite_not_found")
    moments = set()
    for _ in range(2):
        answer = await customer.public.call("DELETE", path, headers=distributor.authorization)
        assert (answer.status, answer.body) == (204, b"")
        moments.add(
            await rows.fetchval("SELECT revoked_at FROM invites WHERE id = $1", UUID(invite["id"]))
        )
    assert len(moments) == 1


async def test_a_token_in_the_place_of_an_id_names_nothing(
    customer: RunningApi, identity: IdentityStandIn, make_invite: MakeInvite
) -> None:
    distributor = identity.user("distributor")
    invite = await make_invite(distributor)
    answer = await customer.public.call(
        "DELETE", f"{PATH}/{invite['token']}", headers=distributor.authorization
    )
    assert answer.status == 404
