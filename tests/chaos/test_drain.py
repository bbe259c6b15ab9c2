"""SIGTERM drains a replica: sockets close with 1001 and resume on another without a hole."""

import asyncio

import pytest
from factories.people import gather_circle, open_conversation
from parlor_dev.client import Api
from parlor_dev.stack import Stack

pytestmark = pytest.mark.chaos


async def test_a_chat_socket_resumes_on_the_other_replica(fragile: Stack, api: Api) -> None:
    circle = await gather_circle(fragile, api)
    ann, ben = circle.customers
    conversation = await open_conversation(ann, ben)
    path = f"/api/v1/conversations/{conversation}"
    first, second = fragile.public_urls("chat")
    process = fragile.process("chat-api-1")
    live = Api(first, token=ben.token, http=api.http).live(f"{path}/ws")
    writer = Api(second, token=ann.token, http=api.http)
    async with live:
        await writer.post(f"{path}/messages", {"body": "before"})
        await live.next("message.sent")
        _, code = await asyncio.gather(process.stop(), live.closed())
        assert code == 1001
        await writer.post(f"{path}/messages", {"body": "meanwhile"})
        live._api = Api(second, token=ben.token, http=api.http)
        welcome = await live.resume()
        assert welcome["recovered"] is True
        assert welcome["replayed"] == 1
        frame = await live.next("message.sent")
        assert frame["event"]["message"]["body"] == "meanwhile"
    await process.start()


async def test_a_game_socket_resumes_on_the_other_replica(fragile: Stack, api: Api) -> None:
    circle = await gather_circle(fragile, api)
    ann, ben = circle.customers
    invite = await ann.api.post(
        "/api/v1/games/invites", {"game": "crazy_eights", "invitee_ids": [ben.id]}
    )
    accepted = await ben.api.post(f"/api/v1/games/invites/{invite['id']}/accept")
    path = f"/api/v1/games/{accepted['game_id']}"
    first, second = fragile.public_urls("game")
    process = fragile.process("game-api-1")
    people = {ann.id: ann, ben.id: ben}
    live = Api(first, token=ben.token, http=api.http).live(f"{path}/ws")
    async with live:
        _, code = await asyncio.gather(process.stop(), live.closed())
        assert code == 1001
        other = Api(second, http=api.http)
        turn = (await other.caller(ben.token).get(path))["turn"]
        player = other.caller(people[turn].token)
        view = await player.get(path)
        await player.post(f"{path}/play", view["legal_plays"][0])
        live._api = other.caller(ben.token)
        welcome = await live.resume()
        assert welcome["recovered"] is True
        assert welcome["replayed"] >= 1
        view = await other.caller(ben.token).get(path)
        while live.seq < view["seq"]:
            await live.next()
    await process.start()
