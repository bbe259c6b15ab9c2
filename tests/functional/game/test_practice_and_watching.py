"""Bots, spectators and leaderboards through the one origin, with every service in its place."""

from collections.abc import AsyncIterator

import pytest
from factories.people import Circle, gather_circle
from parlor_dev.client import Api, Refused
from parlor_dev.stack import Stack

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
async def api(platform: Stack) -> AsyncIterator[Api]:
    async with Api(platform.url) as anonymous:
        yield anonymous


@pytest.fixture(scope="module")
async def circle(platform: Stack, api: Api) -> Circle:
    return await gather_circle(platform, api)


async def test_a_bot_answers_on_the_live_socket(circle: Circle) -> None:
    ada = circle.customers[0]
    made = await ada.api.post("/api/v1/games/invites", {"game": "crazy_eights", "bots": ["good"]})
    path = f"/api/v1/games/{made['game_id']}"
    async with ada.api.live(f"{path}/ws") as socket:
        legal = socket.welcome["snapshot"]["legal_plays"]
        answered = 0
        while answered < 3:
            if legal:
                await socket.request("play", **legal[0])
            told = (await socket.next("game.turn", "game.finished"))["event"]
            if told["type"] == "game.finished":
                break
            mine = told["user_id"] == ada.id
            answered += mine and not legal
            legal = told["legal_plays"] if mine else []
    listed = await ada.api.get("/api/v1/games?game=crazy_eights&limit=1")
    assert [player["bot"] for player in listed["items"][0]["players"]] == [None, "good"]


async def test_a_stranger_watches_with_a_token_and_the_end_counts_in_the_circle_alone(
    api: Api, circle: Circle
) -> None:
    ada, bob = circle.customers
    made = await ada.api.post(
        "/api/v1/games/invites",
        {
            "game": "crazy_eights",
            "invitee_ids": [bob.id],
            "options": {"spectators": True},
        },
    )
    made = await bob.api.post(f"/api/v1/games/invites/{made['id']}/accept")
    path = f"/api/v1/games/{made['game_id']}"
    token = (await bob.api.post(f"{path}/spectator-token"))["token"]
    board = f"/api/v1/leaderboards/crazy_eights?distributor_id={circle.distributor.id}"
    friend = api.caller(token)
    ticket = (await friend.get(f"{path}/watch-ticket"))["token"]
    async with api.live(f"{path}/watch/ws", ticket=ticket) as socket:
        assert socket.welcome["snapshot"]["your_hand"] == []
        await bob.api.post(f"{path}/forfeit")
        ended = await socket.next("game.finished")
        assert ended["event"]["winner_ids"] == [ada.id]
    assert (await friend.get(f"{path}/watch"))["status"] == "abandoned"
    for person in (circle.distributor, ada, bob):
        items = (await person.api.get(board))["items"]
        assert [(one["user_id"], one["points"]) for one in items] == [(ada.id, 2), (bob.id, 0)]
    with pytest.raises(Refused) as refused:
        await circle.admin.api.get(board)
    assert refused.value.status == 404
    await circle.distributor.api.delete(f"/api/v1/relationships/{bob.id}")
    with pytest.raises(Refused) as refused:
        await bob.api.get(board)
    assert refused.value.status == 404
