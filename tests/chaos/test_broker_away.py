"""The broker is away for 20 s while 200 messages are sent: all are accepted, all arrive after."""

import asyncio
import time

import pytest
from factories.people import gather_circle, open_conversation
from factories.polling import until_true
from factories.topics import events
from parlor_dev.client import Api
from parlor_dev.stack import Stack

pytestmark = pytest.mark.chaos

AWAY_SECONDS = 20
SENDS = 200


async def test_messages_sent_without_a_broker_are_accepted_and_arrive_after(
    fragile: Stack, api: Api
) -> None:
    circle = await gather_circle(fragile, api)
    ann, ben = circle.customers
    conversation = await open_conversation(ann, ben)
    path = f"/api/v1/conversations/{conversation}"
    first, second = (Api(url, http=api.http) for url in fragile.public_urls("chat"))
    async with second.caller(ben.token).live(f"{path}/ws") as elsewhere:
        await fragile.kafka.stop()
        gone_at = time.monotonic()
        statuses = []
        for number in range(SENDS):
            status, _ = await first.caller(ann.token).answer(
                "POST", f"{path}/messages", {"body": f"message {number}"}
            )
            statuses.append(status)
            # Spread over the outage: the point is its length, not a race.
            await asyncio.sleep(
                max(0.0, gone_at + AWAY_SECONDS * (number + 1) / SENDS - time.monotonic())
            )
        assert statuses == [201] * SENDS
        await fragile.kafka.start()
        bodies: list[str] = []
        while len(bodies) < SENDS:
            frame = await elsewhere.next("message.sent", timeout=60)
            bodies.append(frame["event"]["message"]["body"])
        assert bodies == [f"message {number}" for number in range(SENDS)]

    async def all_published() -> bool:
        found = await events(fragile.kafka_bootstrap, "chat.events", "message.sent", conversation)
        return len({event["id"] for event in found}) == SENDS

    await until_true(all_published, seconds=60)
