"""Customers through the one origin: from an invite to an entitlement, and to its end."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import aiohttp
import pytest
from factories.people import Circle, Person, gather_circle, register, sign_in
from factories.polling import until_true
from factories.topics import events
from parlor_customer.routes import INTERNAL, PUBLIC
from parlor_dev.client import Api, Refused
from parlor_dev.stack import Stack
from parlor_kit.ids import new_id

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
async def api(platform: Stack) -> AsyncIterator[Api]:
    async with Api(platform.url) as anonymous:
        yield anonymous


@pytest.fixture(scope="module")
async def circle(platform: Stack, api: Api) -> Circle:
    return await gather_circle(platform, api, 2)


def filled(path: str) -> str:
    for name in ("invite_id", "customer_id", "first_user_id", "second_user_id"):
        path = path.replace(f"{{{name}}}", str(new_id()))
    return path.replace("{token}", "inv_x")


async def entitlement(caller: Person, first: str, second: str) -> tuple[str, str | None]:
    answer = await caller.api.get(f"/api/v1/entitlements/chat/{first}/{second}")
    return answer["reason"], answer["distributor_id"]


async def test_without_a_token_every_route_is_refused(api: Api) -> None:
    for row in PUBLIC.http:
        with pytest.raises(Refused) as refused:
            await api.answer(row.method, filled(row.path))
        assert (refused.value.status, refused.value.code) == (401, "unauthenticated"), row.path


async def test_a_stranger_learns_nothing(api: Api, circle: Circle) -> None:
    stranger = await register(api)
    one, other = circle.customers
    for path in (
        f"/api/v1/relationships/{one.id}",
        f"/api/v1/entitlements/chat/{one.id}/{other.id}",
        f"/api/v1/entitlements/chat/{circle.distributor.id}/{one.id}",
    ):
        with pytest.raises(Refused) as refused:
            await stranger.api.get(path)
        assert (refused.value.status, refused.value.code) == (404, "not_found")


async def test_internal_routes_have_no_way_in_from_outside(api: Api, circle: Circle) -> None:
    for row in INTERNAL.http:
        with pytest.raises(Refused) as refused:
            await circle.admin.api.answer(row.method, filled(row.path))
        assert refused.value.status == 404


async def test_only_chat_and_game_may_ask_the_sidecar(platform: Stack, circle: Circle) -> None:
    one, other = circle.customers
    url = platform.internal_url("customer") + "/internal/v1/entitlements/chat/batch"
    body = {"pairs": [[one.id, other.id]]}

    async def ask(headers: dict[str, str]) -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as http,
            http.post(url, json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    def credential(caller: str, callee: str = "customer") -> dict[str, str]:
        return {"authorization": f"Bearer {platform.credential(caller, callee)}"}

    forged = {"x-service-identity": "system:serviceaccount:parlor:chat"}
    for headers, status in (
        ({}, 401),
        (forged, 401),
        ({"authorization": f"Bearer {circle.admin.token}"}, 401),
        (credential("chat", "identity"), 401),
        (credential("identity"), 403),
        (credential("operator") | forged, 403),
    ):
        assert (await ask(headers))[0] == status
    for caller in ("chat", "game"):
        status, answer = await ask(credential(caller))
        assert status == 200
        assert answer["entitlements"][0]["reason"] == "same_distributor"


async def test_an_invite_leads_to_an_entitlement_and_its_end_takes_it_away(
    platform: Stack, api: Api, circle: Circle
) -> None:
    distributor, (friend, _) = circle.distributor, circle.customers
    guest = await register(api, "Guest")
    invite = await distributor.api.post("/api/v1/invites", {"email": guest.email, "note": "hello"})
    with pytest.raises(Refused) as refused:
        await friend.api.post(f"/api/v1/invites/{invite['token']}/redeem")
    assert refused.value.code == "invite_not_for_you"
    assert await entitlement(guest, guest.id, friend.id) == ("none", None)

    redeemed = await guest.api.post(f"/api/v1/invites/{invite['token']}/redeem", key="once")
    assert redeemed == await guest.api.post(f"/api/v1/invites/{invite['token']}/redeem", key="once")
    assert await entitlement(guest, friend.id, guest.id) == ("same_distributor", distributor.id)
    assert await entitlement(guest, guest.id, distributor.id) == (
        "distributor_and_customer",
        distributor.id,
    )
    listed = await distributor.api.get("/api/v1/customers?limit=200")
    assert guest.id in {one["customer_id"] for one in listed["items"]}
    seen = await guest.api.get(f"/api/v1/relationships/{guest.id}")
    assert [one["distributor_name"] for one in seen["relationships"]] == ["Card Shop"]

    await distributor.api.delete(f"/api/v1/relationships/{guest.id}")
    assert await entitlement(guest, guest.id, friend.id) == ("none", None)
    with pytest.raises(Refused) as over:
        await guest.api.post("/api/v1/conversations", {"participant_ids": [friend.id]})
    assert over.value.code == "not_entitled"

    async def told(type_: str) -> bool:
        found = await events(platform.kafka_bootstrap, "customer.events", type_, guest.id)
        expected = {"relationship_id": redeemed["relationship"]["id"], "customer_id": guest.id}
        return len(found) == 1 and expected.items() <= found[0]["data"].items()

    for type_ in ("relationship.started", "relationship.ended"):
        await until_true(partial(told, type_), 20)


async def test_a_disabled_distributor_entitles_and_invites_nobody_until_it_is_enabled(
    platform: Stack, api: Api
) -> None:
    circle = await gather_circle(platform, api, 2)
    one, other = circle.customers
    shop = circle.distributor
    invite = await shop.api.post("/api/v1/invites", {"max_uses": 5})

    async def decided(reason: str) -> bool:
        return (await entitlement(one, one.id, other.id))[0] == reason

    assert await decided("same_distributor")
    await circle.admin.api.post(f"/api/v1/admin/users/{shop.id}/disable")
    await until_true(lambda: decided("none"), 20)
    with pytest.raises(Refused) as refused:
        await shop.api.post("/api/v1/invites", {})
    assert refused.value.status in (401, 403)
    guest = await register(api, "Late")
    with pytest.raises(Refused) as disabled:
        await guest.api.post(f"/api/v1/invites/{invite['token']}/redeem")
    assert disabled.value.code == "distributor_disabled"

    await circle.admin.api.post(f"/api/v1/admin/users/{shop.id}/enable")
    await until_true(lambda: decided("same_distributor"), 20)
    assert (await guest.api.post(f"/api/v1/invites/{invite['token']}/redeem"))["relationship"]
    again = await sign_in(api, shop.email, shop.password)
    assert (await again.api.post("/api/v1/invites", {}))["status"] == "active"
