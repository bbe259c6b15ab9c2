"""A conversation through the running platform: who gets in, what arrives, and when it ends."""

from __future__ import annotations

import asyncio
import time

import pytest
from factories.people import gather_circle, open_conversation, register
from parlor_dev.client import Api, Closed, Refused
from parlor_dev.stack import Stack

pytestmark = pytest.mark.functional


async def test_strangers_can_neither_begin_one_nor_learn_of_one(platform: Stack) -> None:
    async with Api(platform.url) as api:
        circle = await gather_circle(platform, api)
        ann, ben = circle.customers
        eve = await register(api, "Eve")
        with pytest.raises(Refused) as refused:
            await open_conversation(eve, ann)
        assert (refused.value.status, refused.value.code) == (403, "not_entitled")
        path = f"/api/v1/conversations/{await open_conversation(ann, ben)}"
        for caller, status in ((api, 401), (eve.api, 404), (circle.admin.api, 404)):
            with pytest.raises(Refused) as refused:
                await caller.get(f"{path}/messages")
            assert refused.value.status == status
        with pytest.raises(Closed) as closed:
            async with eve.api.live(f"{path}/ws"):
                pass
        assert closed.value.code == 4404


async def test_two_customers_talk_live_and_their_distributor_joins_a_group(
    platform: Stack,
) -> None:
    async with Api(platform.url) as api:
        circle = await gather_circle(platform, api)
        ann, ben = circle.customers
        path = f"/api/v1/conversations/{await open_conversation(ann, ben)}"
        ticket = await ann.api.post(f"{path}/ws-ticket")
        async with (
            api.live(ticket["ws_url"], ticket=ticket["token"]) as hers,
            ben.api.live(f"{path}/ws") as his,
        ):
            sent = await ben.api.post(f"{path}/messages", {"body": "Cards tonight?"})
            assert (await hers.next("message.sent"))["event"]["message"] == sent
            await hers.request("read", message_id=sent["id"])
            assert (await his.next("message.read"))["event"]["user_id"] == ann.id
        group = await open_conversation(ann, ben, circle.distributor)
        assert group != await open_conversation(ann, circle.distributor)


async def test_an_ended_relationship_ends_it_within_two_seconds(platform: Stack) -> None:
    async with Api(platform.url) as api:
        circle = await gather_circle(platform, api)
        ann, ben = circle.customers
        path = f"/api/v1/conversations/{await open_conversation(ann, ben)}"
        async with ann.api.live(f"{path}/ws") as hers, ben.api.live(f"{path}/ws") as his:
            await hers.request("send", body="hello")
            began = time.monotonic()
            await circle.distributor.api.delete(f"/api/v1/relationships/{ben.id}")
            assert set(await asyncio.gather(hers.closed(), his.closed())) == {4403}
            assert time.monotonic() - began < 2
        with pytest.raises(Refused) as refused:
            await ann.api.post(f"{path}/messages", {"body": "still there?"})
        assert (refused.value.status, refused.value.code) == (403, "not_entitled")
        assert len((await ben.api.get(f"{path}/messages"))["items"]) == 1
