"""Somebody leaves for good: what each service forgets, and what a hold keeps, over Kafka."""

from collections.abc import AsyncIterator

import pytest
from factories.people import gather_circle, open_conversation
from factories.polling import until_true
from parlor_dev.client import Api, Refused
from parlor_dev.stack import Stack

pytestmark = pytest.mark.functional


@pytest.fixture
async def api(platform: Stack) -> AsyncIterator[Api]:
    async with Api(platform.url) as origin:
        yield origin


async def test_an_account_is_erased_everywhere_but_for_what_a_hold_keeps(
    platform: Stack, api: Api
) -> None:
    circle = await gather_circle(platform, api)
    admin, distributor, (ann, ben) = circle.admin, circle.distributor, circle.customers
    free, held = await open_conversation(ann, ben), await open_conversation(ann, distributor)
    for conversation in (free, held):
        path = f"/api/v1/conversations/{conversation}/messages"
        await ann.api.post(path, {"body": f"a word in {conversation}"})
    await ben.api.post(f"/api/v1/conversations/{free}/messages", {"body": "an answer"})
    await admin.api.post(
        f"/api/v1/admin/moderation/conversations/{held}/legal-hold",
        {"matter": "M-erasure", "reason": "a court asks"},
    )
    invite = await ann.api.post(
        "/api/v1/games/invites", {"game": "crazy_eights", "invitee_ids": [ben.id]}
    )
    game = (await ben.api.post(f"/api/v1/games/invites/{invite['id']}/accept"))["game_id"]

    status, told = await ann.api.answer("DELETE", "/api/v1/users/me", {"password": ann.password})
    assert status == 202
    assert told["account_id"] == ann.id
    assert told["stays"]

    async def done() -> bool:
        try:
            report = await admin.api.get(f"/api/v1/admin/erasures/{ann.id}")
        except Refused:
            return False  # not heard of yet
        told_by = {each["service"] for each in report["services"]}
        return report["state"] == "kept" and told_by == {"customer", "game"}

    await until_true(done, 30)
    seen = (await ben.api.get(f"/api/v1/conversations/{free}/messages"))["items"]
    assert [each["body"] for each in seen if each["kind"] == "user"] == ["", "an answer"]
    report = await admin.api.get(f"/api/v1/admin/erasures/{ann.id}")
    (kept,) = report["kept"]
    assert (kept["conversation_id"], kept["messages"]) == (held, 1)
    assert [each["matter"] for each in kept["kept_for"]] == ["M-erasure"]
    services = {each["service"]: each["details"] for each in report["services"]}
    assert services["customer"]["relationships_ended"] == 1
    assert services["game"]["seats_kept"] == 1

    shown = await distributor.api.get(f"/api/v1/conversations/{held}/messages")
    assert [each["body"] for each in shown["items"]] == [""]
    reviewed = await admin.api.get(
        f"/api/v1/admin/moderation/conversations/{held}?reason=a+court+asks"
    )
    assert [each["body"] for each in reviewed["messages"]] == [f"a word in {held}"]
    board = await ben.api.get(f"/api/v1/games/{game}/scoreboard")
    assert (board["status"], board["winner_ids"]) == ("abandoned", [ben.id])
    related = await admin.api.get(f"/api/v1/relationships/{ann.id}")
    assert [each["status"] for each in related["relationships"]] == ["ended"]

    again = await api.post(
        "/api/v1/auth/register",
        {"email": ann.email, "password": ann.password, "display_name": "Ann again"},
    )
    assert again["id"] != ann.id
