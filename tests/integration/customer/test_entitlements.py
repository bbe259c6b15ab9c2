"""Entitlements: who may chat with whom, told only to those whom it concerns."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from factories.identity_stand_in import IdentityStandIn, User
from factories.running_api import Reply, RunningApi
from parlor_customer.usecases.accounts import follow_account
from parlor_kit.database import Database
from parlor_kit.events import Event
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

Relate = Callable[[User, User], Awaitable[dict[str, str]]]
SetStatus = Callable[[User, str], Awaitable[None]]

SERVICE = {"x-service-identity": "system:serviceaccount:parlor:chat"}


def path(first: object, second: object, side: str = "api") -> str:
    return f"/{side}/v1/entitlements/chat/{first}/{second}"


async def decide(customer: RunningApi, *pairs: tuple[User, User]) -> list[dict[str, Any]]:
    answer = await customer.internal.call(
        "POST",
        "/internal/v1/entitlements/chat/batch",
        headers=SERVICE,
        json={"pairs": [[str(first.id), str(second.id)] for first, second in pairs]},
    )
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.body["entitlements"]
    return found


async def reason(customer: RunningApi, first: User, second: User) -> tuple[str, str | None]:
    (decision,) = await decide(customer, (first, second))
    assert decision["entitled"] is (decision["reason"] != "none")
    return decision["reason"], decision["distributor_id"]


@pytest.fixture
def set_status(database: Database) -> SetStatus:
    """Disable or enable an account, as identity's event does."""

    async def change(user: User, status: str) -> None:
        user.status, user.version = status, user.version + 1
        data = {name: value for name, value in user.stated().items() if name != "created_at"}
        data["account_id"] = data.pop("id")
        verb = "enabled" if status == "active" else status
        event = Event("identity.events", f"account.{verb}", str(user.id), data)
        async with database.transaction() as transaction:
            await follow_account(transaction, event)

    return change


async def test_strangers_and_the_tokenless_learn_nothing(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate
) -> None:
    distributor, one = identity.user("distributor"), identity.user("customer")
    await relate(distributor, one)
    nobody = await customer.public.call("GET", path(distributor.id, one.id))
    assert (nobody.status, nobody.code) == (401, "unauthenticated")
    for role in ("customer", "distributor"):
        answer = await customer.public.call(
            "GET", path(distributor.id, one.id), headers=identity.user(role).authorization
        )
        assert (answer.status, answer.code) == (404, "not_found")


async def test_the_internal_route_needs_a_service_and_is_not_on_the_public_listener(
    customer: RunningApi, identity: IdentityStandIn
) -> None:
    one, other = identity.user("customer"), identity.user("customer")
    inside = path(one.id, other.id, "internal")
    for client, headers, status in (
        (customer.internal, {}, 401),
        (customer.internal, one.authorization, 401),
        (customer.internal, SERVICE, 200),
        (customer.public, SERVICE | one.authorization, 404),
    ):
        assert (await client.call("GET", inside, headers=headers)).status == status
    public = await customer.internal.call(
        "GET", path(one.id, other.id), headers=SERVICE | one.authorization
    )
    assert public.status == 404


async def test_the_two_and_those_who_oversee_get_the_same_answer(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate
) -> None:
    distributor, one = identity.user("distributor"), identity.user("customer")
    await relate(distributor, one)
    for caller in (distributor, one, identity.user("moderator"), identity.user("admin")):
        answer = await customer.public.call(
            "GET", path(one.id, distributor.id), headers=caller.authorization
        )
        assert answer.status == 200
        assert answer.body.pop("checked_at").endswith("Z")
        assert answer.body == {
            "first_user_id": str(one.id),
            "second_user_id": str(distributor.id),
            "entitled": True,
            "reason": "distributor_and_customer",
            "distributor_id": str(distributor.id),
        }


async def test_the_reasons_in_either_order(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate
) -> None:
    shop, other_shop = identity.user("distributor"), identity.user("distributor")
    ann, ben, cem = (identity.user("customer") for _ in range(3))
    await relate(shop, ann)
    await relate(shop, ben)
    await relate(other_shop, cem)
    expected = [
        ((shop, ann), "distributor_and_customer", str(shop.id)),
        ((ann, ben), "same_distributor", str(shop.id)),
        ((ann, cem), "none", None),
        ((shop, cem), "none", None),
        ((shop, other_shop), "none", None),
        ((ann, ann), "none", None),
        ((shop, shop), "none", None),
    ]
    pairs = [pair for pair, _, _ in expected]
    for asked in (pairs, [(second, first) for first, second in pairs]):
        found = await decide(customer, *asked)
        assert [(one["first_user_id"], one["second_user_id"]) for one in found] == [
            (str(first.id), str(second.id)) for first, second in asked
        ]
        assert [(one["reason"], one["distributor_id"]) for one in found] == [
            (why, by) for _, why, by in expected
        ]
        assert len({one["checked_at"] for one in found}) == 1


async def test_somebody_of_whom_nothing_is_known_is_entitled_to_nothing(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate
) -> None:
    shop, one = identity.user("distributor"), identity.user("customer")
    await relate(shop, one)
    assert await reason(customer, one, identity.user("customer")) == ("none", None)


async def test_an_ended_relationship_entitles_nobody(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate
) -> None:
    shop = identity.user("distributor")
    ann, ben = identity.user("customer"), identity.user("customer")
    await relate(shop, ann)
    await relate(shop, ben)
    await customer.public.call(
        "DELETE", f"/api/v1/relationships/{ann.id}", headers=shop.authorization
    )
    assert await reason(customer, shop, ann) == ("none", None)
    assert await reason(customer, ann, ben) == ("none", None)
    assert (await reason(customer, shop, ben))[0] == "distributor_and_customer"


async def test_the_disabled_are_entitled_to_nothing_until_they_are_enabled(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate, set_status: SetStatus
) -> None:
    shop = identity.user("distributor")
    ann, ben = identity.user("customer"), identity.user("customer")
    await relate(shop, ann)
    await relate(shop, ben)
    await set_status(ann, "disabled")
    assert await reason(customer, shop, ann) == ("none", None)
    assert await reason(customer, ann, ben) == ("none", None)
    assert (await reason(customer, shop, ben))[0] == "distributor_and_customer"
    await set_status(ann, "active")
    assert (await reason(customer, ann, ben))[0] == "same_distributor"


async def test_a_disabled_distributor_entitles_nobody_but_another_one_may(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate, set_status: SetStatus
) -> None:
    shop, spare = identity.user("distributor"), identity.user("distributor")
    ann, ben, cem = (identity.user("customer") for _ in range(3))
    for one in (ann, ben, cem):
        await relate(shop, one)
    for one in (ann, ben):
        await relate(spare, one)
    await set_status(shop, "disabled")
    assert await reason(customer, ann, cem) == ("none", None)
    assert await reason(customer, shop, cem) == ("none", None)
    assert await reason(customer, ann, ben) == ("same_distributor", str(spare.id))


@pytest.mark.parametrize(
    "body",
    [
        {"pairs": []},
        {"pairs": [[str(new_id())]]},
        {"pairs": [[str(new_id()), "no-id"]]},
        {"pairs": [[str(new_id()), str(new_id())]] * 501},
        {"pairs": [], "caller": "chat"},
        {},
    ],
)
async def test_a_batch_that_breaks_a_rule_is_refused(customer: RunningApi, body: Any) -> None:
    answer = await customer.internal.call(
        "POST", "/internal/v1/entitlements/chat/batch", headers=SERVICE, json=body
    )
    assert (answer.status, answer.code) == (422, "validation_failed")


async def test_five_hundred_pairs_are_one_batch(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate
) -> None:
    shop, one = identity.user("distributor"), identity.user("customer")
    await relate(shop, one)
    found = await decide(customer, *([(shop, one)] * 500))
    assert len(found) == 500
    assert all(decision["entitled"] for decision in found)


@pytest.mark.parametrize("bad", ["no-id", "", "01a20fe2160375099094bf37a132f7e0"])
async def test_an_id_that_is_none_names_nobody(
    customer: RunningApi, identity: IdentityStandIn, bad: str
) -> None:
    one = identity.user("customer")
    answer = await customer.public.call("GET", path(one.id, bad), headers=one.authorization)
    assert answer.status == 404


async def test_the_internal_answer_is_the_public_one(
    customer: RunningApi, identity: IdentityStandIn, relate: Relate
) -> None:
    shop, one = identity.user("distributor"), identity.user("customer")
    await relate(shop, one)
    answers: list[Reply] = [
        await customer.public.call("GET", path(shop.id, one.id), headers=shop.authorization),
        await customer.internal.call("GET", path(shop.id, one.id, "internal"), headers=SERVICE),
    ]
    for answer in answers:
        del answer.body["checked_at"]
    assert answers[0].body == answers[1].body
