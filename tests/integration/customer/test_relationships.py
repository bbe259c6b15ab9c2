"""Relationships: seen by those whom they concern and by nobody else, ended by one of the two."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import orjson
import pytest
from factories.identity_stand_in import IdentityStandIn, User
from factories.running_api import Reply, RunningApi
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

Redeem = Callable[..., Awaitable[Reply]]
MakeInvite = Callable[..., Awaitable[dict[str, str]]]
Relate = Callable[[User, User], Awaitable[dict[str, str]]]


async def view(customer: RunningApi, caller: User, customer_id: object) -> Reply:
    return await customer.public.call(
        "GET", f"/api/v1/relationships/{customer_id}", headers=caller.authorization
    )


async def end(customer: RunningApi, caller: User, customer_id: object, query: str = "") -> Reply:
    return await customer.public.call(
        "DELETE", f"/api/v1/relationships/{customer_id}{query}", headers=caller.authorization
    )


async def test_nobody_sees_or_ends_any_without_a_token(customer: RunningApi) -> None:
    for method in ("GET", "DELETE"):
        answer = await customer.public.call(method, f"/api/v1/relationships/{new_id()}")
        assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_a_stranger_learns_nothing(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate
) -> None:
    distributor, one = identity.user("distributor"), identity.user("customer")
    await relate(distributor, one)
    for role in ("customer", "distributor"):
        answer = await view(customer, identity.user(role), one.id)
        assert (answer.status, answer.code) == (404, "not_found")
        unknown = await view(customer, identity.user(role), new_id())
        assert (unknown.body | {"request_id": ""}) == (answer.body | {"request_id": ""})


async def test_a_customer_and_those_who_oversee_see_all_and_a_distributor_its_own(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate
) -> None:
    one = identity.user("customer")
    first = identity.user("distributor", display_name="First Shop")
    second = identity.user("distributor", display_name="Second Shop")
    made = [await relate(first, one), await relate(second, one)]
    for caller in (one, identity.user("moderator"), identity.user("admin")):
        answer = await view(customer, caller, one.id)
        assert answer.status == 200
        assert answer.body == {
            "customer_id": str(one.id),
            "relationships": [
                {
                    "id": relationship["id"],
                    "distributor_id": str(distributor.id),
                    "distributor_name": distributor.display_name,
                    "status": "active",
                    "since": relationship["since"],
                    "ended_at": None,
                }
                for relationship, distributor in zip(made, (first, second), strict=True)
            ],
        }
    own = await view(customer, second, one.id)
    assert [item["id"] for item in own.body["relationships"]] == [made[1]["id"]]


async def test_a_customer_without_any_has_an_empty_list_and_an_unknown_one_is_not_found(
    customer: RunningApi, identity: IdentityStandIn
) -> None:
    alone, moderator = identity.user("customer"), identity.user("moderator")
    assert (await view(customer, alone, alone.id)).body["relationships"] == []
    assert (await view(customer, moderator, new_id())).status == 404
    assert (await view(customer, moderator, "no-id")).status == 404
    assert (await view(customer, moderator, moderator.id)).status == 404


async def test_the_distributor_ends_it_once_with_one_event(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate, rows: asyncpg.Connection
) -> None:
    distributor, one = identity.user("distributor"), identity.user("customer")
    relationship = await relate(distributor, one)
    answers = await asyncio.gather(*(end(customer, distributor, one.id) for _ in range(10)))
    assert {(answer.status, answer.body) for answer in answers} == {(204, b"")}
    seen = (await view(customer, distributor, one.id)).body["relationships"]
    assert [(item["id"], item["status"]) for item in seen] == [(relationship["id"], "ended")]
    events = await rows.fetch(
        "SELECT type, data FROM outbox WHERE key = $1 ORDER BY id", str(one.id)
    )
    assert [event["type"] for event in events] == ["relationship.started", "relationship.ended"]
    assert orjson.loads(events[1]["data"]) == {
        "relationship_id": relationship["id"],
        "distributor_id": str(distributor.id),
        "customer_id": str(one.id),
        "at": seen[0]["ended_at"],
    }


async def test_the_customer_ends_it_by_naming_the_distributor(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate
) -> None:
    one = identity.user("customer")
    kept, left = identity.user("distributor"), identity.user("distributor")
    await relate(kept, one)
    await relate(left, one)
    unnamed = await end(customer, one, one.id)
    assert (unnamed.status, unnamed.body["errors"][0]["field"]) == (422, "distributor_id")
    assert (await end(customer, one, one.id, f"?distributor_id={left.id}")).status == 204
    seen = (await view(customer, one, one.id)).body["relationships"]
    assert {item["distributor_id"]: item["status"] for item in seen} == {
        str(kept.id): "active",
        str(left.id): "ended",
    }


async def test_nobody_else_ends_it(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate
) -> None:
    distributor, one = identity.user("distributor"), identity.user("customer")
    await relate(distributor, one)
    named = f"?distributor_id={distributor.id}"
    for role in ("customer", "distributor", "moderator", "admin"):
        answer = await end(customer, identity.user(role), one.id, named)
        assert (answer.status, answer.code) == (404, "not_found"), role
    seen = (await view(customer, one, one.id)).body["relationships"]
    assert [item["status"] for item in seen] == ["active"]


async def test_an_ended_one_begins_anew_by_a_new_invite_and_not_by_the_old_one(
    customer: RunningApi,
    identity: IdentityStandIn,
    make_invite: MakeInvite,
    redeem: Redeem,
) -> None:
    distributor, one = identity.user("distributor"), identity.user("customer")
    old = await make_invite(distributor, max_uses=5)
    first = await redeem(one, old["token"])
    await end(customer, distributor, one.id)
    by_old = await redeem(one, old["token"])
    assert by_old.status == 200
    assert by_old.body["relationship"]["id"] == first.body["relationship"]["id"]
    assert by_old.body["relationship"]["status"] == "ended"
    by_new = await redeem(one, (await make_invite(distributor))["token"])
    assert by_new.status == 201
    seen = (await view(customer, distributor, one.id)).body["relationships"]
    assert [item["status"] for item in seen] == ["ended", "active"]
    assert seen[0]["since"] < seen[1]["since"]


async def test_a_distributor_lists_its_active_customers_in_pages(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate
) -> None:
    distributor = identity.user("distributor")
    people = [identity.user("customer", display_name=f"Customer {n}") for n in range(5)]
    for one in people:
        await relate(distributor, one)
    await relate(identity.user("distributor"), identity.user("customer"))
    await end(customer, distributor, people[2].id)
    seen, query = [], "?limit=2"
    while True:
        answer = await customer.public.call(
            "GET", f"/api/v1/customers{query}", headers=distributor.authorization
        )
        assert answer.status == 200
        seen += [(item["customer_id"], item["customer_name"]) for item in answer.body["items"]]
        if answer.body["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={answer.body['next_cursor']}"
    kept = [people[number] for number in (4, 3, 1, 0)]
    assert seen == [(str(one.id), one.display_name) for one in kept]


@pytest.mark.parametrize("role", ["customer", "moderator", "admin"])
async def test_only_distributors_have_customers(
    customer: RunningApi, identity: IdentityStandIn, role: str
) -> None:
    answer = await customer.public.call(
        "GET", "/api/v1/customers", headers=identity.user(role).authorization
    )
    assert (answer.status, answer.code) == (403, "forbidden")
