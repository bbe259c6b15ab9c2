"""What one service does is felt in the others: each reaction, through the origin."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from factories.people import Circle, Person, gather_circle, open_conversation
from factories.polling import until_true
from parlor_dev.client import Api, Closed, Refused
from parlor_dev.stack import Stack

pytestmark = pytest.mark.functional

_SOON = 15  # seconds, for a machine that is busy; two are promised on one that is not


@pytest.fixture
async def api(platform: Stack) -> AsyncIterator[Api]:
    async with Api(platform.url) as origin:
        yield origin


@pytest.fixture
async def circle(platform: Stack, api: Api) -> Circle:
    return await gather_circle(platform, api)


async def _invite(one: Person, other: Person) -> dict[str, Any]:
    made: dict[str, Any] = await one.api.post(
        "/api/v1/games/invites", {"game": "crazy_eights", "invitee_ids": [other.id]}
    )
    return made


async def _system_messages(person: Person, conversation: str) -> list[str]:
    page = await person.api.get(f"/api/v1/conversations/{conversation}/messages?limit=200")
    return [message["body"] for message in page["items"] if message["kind"] == "system"]


async def test_a_games_invite_start_and_result_appear_in_the_players_conversation(
    circle: Circle,
) -> None:
    ann, ben = circle.customers
    conversation = await open_conversation(ann, ben)
    invite = await _invite(ann, ben)
    accepted = await ben.api.post(f"/api/v1/games/invites/{invite['id']}/accept")
    await ann.api.post(f"/api/v1/games/{accepted['game_id']}/forfeit")

    async def all_told() -> bool:
        return len(await _system_messages(ben, conversation)) == 3

    await until_true(all_told, seconds=15)


async def test_players_without_a_conversation_get_none_by_playing(circle: Circle) -> None:
    ann, ben = circle.customers
    await _invite(ann, ben)
    page = await ann.api.get("/api/v1/conversations")
    assert page["items"] == []


async def test_an_ended_relationship_closes_sockets_and_refuses_sends(
    circle: Circle,
) -> None:
    ann, ben = circle.customers
    conversation = await open_conversation(ann, ben)
    path = f"/api/v1/conversations/{conversation}"
    async with ann.api.live(f"{path}/ws") as hers, ben.api.live(f"{path}/ws") as his:
        await hers.request("send", body="hello")
        await circle.distributor.api.delete(f"/api/v1/relationships/{ben.id}")
        assert await hers.closed(timeout=_SOON) == 4403
        assert await his.closed(timeout=_SOON) == 4403
    with pytest.raises(Refused) as refused:
        await ann.api.post(f"{path}/messages", {"body": "still there?"})
    assert (refused.value.status, refused.value.code) == (403, "not_entitled")
    with pytest.raises(Closed) as closed:
        await hers.resume()
    assert closed.value.code == 4403
    history = await ann.api.get(f"{path}/messages")
    assert [message["body"] for message in history["items"]] == ["hello"]


async def test_a_disabled_account_loses_its_sockets_and_forfeits_its_games(circle: Circle) -> None:
    ann, ben = circle.customers
    conversation = await open_conversation(ann, ben)
    invite = await _invite(ann, ben)
    accepted = await ben.api.post(f"/api/v1/games/invites/{invite['id']}/accept")
    game = f"/api/v1/games/{accepted['game_id']}"
    async with (
        ben.api.live(f"/api/v1/conversations/{conversation}/ws") as chat,
        ben.api.live(f"{game}/ws") as table,
    ):
        await circle.admin.api.post(f"/api/v1/admin/users/{ben.id}/disable")
        assert await chat.closed(timeout=_SOON) == 4403
        assert await table.closed(timeout=_SOON) == 4403

    async def ended() -> bool:
        view = await ann.api.get(game)
        return bool(view["status"] == "abandoned")

    await until_true(ended, seconds=15)
    board = await ann.api.get(f"{game}/scoreboard")
    assert board["winner_ids"] == [ann.id]


async def test_a_disabled_distributor_entitles_nobody(circle: Circle) -> None:
    ann, ben = circle.customers
    await circle.admin.api.post(f"/api/v1/admin/users/{circle.distributor.id}/disable")

    async def refused() -> bool:
        answer = await ann.api.get(f"/api/v1/entitlements/chat/{ann.id}/{ben.id}")
        return not answer["entitled"]

    await until_true(refused, seconds=15)
