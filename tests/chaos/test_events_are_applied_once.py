"""Kill -9 between commit and publish, between publish and mark, and in the middle of consuming.

After a restart each event has been applied once and none is lost: they are counted on the topic
and in what their consumer did. The moments are held open with row locks, so no luck is needed.
"""

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from factories.people import Person, gather_circle, open_conversation
from factories.polling import until_true
from factories.topics import events, records
from parlor_dev.client import Api
from parlor_dev.stack import Stack

pytestmark = pytest.mark.chaos

SENDS = 40
INVITES = 5


async def _send_all(person: Person, conversation: str) -> None:
    for number in range(SENDS):
        await person.api.post(
            f"/api/v1/conversations/{conversation}/messages", {"body": f"message {number}"}
        )


async def _invite(one: Person, other: Person) -> list[str]:
    made = [
        await one.api.post(
            "/api/v1/games/invites", {"game": "crazy_eights", "invitee_ids": [other.id]}
        )
        for _ in range(INVITES)
    ]
    return [invite["id"] for invite in made]


async def _system_messages(person: Person, conversation: str) -> int:
    page = await person.api.get(f"/api/v1/conversations/{conversation}/messages?limit=200")
    return sum(1 for message in page["items"] if message["kind"] == "system")


async def test_killed_between_commit_and_publish_loses_nothing(fragile: Stack, api: Api) -> None:
    circle = await gather_circle(fragile, api)
    ann, ben = circle.customers
    conversation = await open_conversation(ann, ben)
    worker = fragile.process("chat-worker")
    await worker.kill()
    await _send_all(ann, conversation)
    assert await events(fragile.kafka_bootstrap, "chat.events", "message.sent", conversation) == []
    await worker.start()

    async def all_published() -> bool:
        found = await events(fragile.kafka_bootstrap, "chat.events", "message.sent", conversation)
        return len({event["id"] for event in found}) == SENDS

    await until_true(all_published, seconds=30)
    found = await events(fragile.kafka_bootstrap, "chat.events", "message.sent", conversation)
    sequence = [event["data"]["seq"] for event in found]
    assert sequence == list(range(1, SENDS + 1)), "each once and in the order of the stream"


async def test_killed_between_publish_and_mark_applies_each_event_once(
    fragile: Stack, api: Api
) -> None:
    circle = await gather_circle(fragile, api)
    ann, ben = circle.customers
    conversation = await open_conversation(ann, ben)
    worker = fragile.process("game-worker")
    await worker.kill()
    invites = await _invite(ann, ben)
    holder = await asyncpg.connect(fragile.database_url("game"))
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT 1 FROM outbox FOR UPDATE")
        await worker.start()

        async def published() -> int:
            found = await records(fragile.kafka_bootstrap, "game.events")
            return sum(1 for event in found if event.get("subject") in invites)

        async def published_once() -> bool:
            return await published() >= INVITES

        await until_true(published_once, seconds=30)
        await worker.kill()
        # The dead worker's session would still delete the rows once it gets them.
        await holder.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        await transaction.rollback()
    finally:
        await holder.close()
    await worker.start()

    async def published_twice() -> bool:
        return await published() >= 2 * INVITES

    await until_true(published_twice, seconds=30)

    async def all_told() -> bool:
        return await _system_messages(ann, conversation) >= INVITES

    await until_true(all_told, seconds=30)
    await _consumed_everything(fragile, ann, ben, conversation)
    assert await _system_messages(ann, conversation) == INVITES + 1


async def test_killed_in_the_middle_of_consuming_applies_each_event_once(
    fragile: Stack, api: Api
) -> None:
    circle = await gather_circle(fragile, api)
    ann, ben = circle.customers
    conversation = await open_conversation(ann, ben)
    worker = fragile.process("chat-worker")
    holder = await asyncpg.connect(fragile.database_url("chat"))
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT 1 FROM conversations WHERE id = $1 FOR UPDATE", conversation)
        await _invite(ann, ben)

        async def consumer_waits_for_the_lock() -> bool:
            return bool(
                await holder.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                    "AND datname = current_database()"
                )
            )

        await until_true(consumer_waits_for_the_lock, seconds=30)
        await worker.kill()
        await transaction.rollback()
    finally:
        await holder.close()
    assert await _system_messages(ann, conversation) == 0
    await worker.start()

    async def all_told() -> bool:
        return await _system_messages(ann, conversation) >= INVITES

    await until_true(all_told, seconds=30)
    await _consumed_everything(fragile, ann, ben, conversation)
    assert await _system_messages(ann, conversation) == INVITES + 1


async def _consumed_everything(
    fragile: Stack, one: Person, other: Person, conversation: str
) -> None:
    """Send one more invite through: when it has arrived, so has whatever was before it.

    Invites have keys of their own, so several partitions are in play: the group's lag is read.
    """
    before = await _system_messages(one, conversation)
    await one.api.post("/api/v1/games/invites", {"game": "crazy_eights", "invitee_ids": [other.id]})

    async def told() -> bool:
        return await _system_messages(one, conversation) > before

    await until_true(told, seconds=30)

    async def no_lag() -> bool:
        return await lag(fragile.kafka_bootstrap, "chat", "game.events") == 0

    await until_true(no_lag, seconds=30)


async def lag(bootstrap: str, group: str, topic: str) -> int:
    """Records of `topic` that `group` has not committed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=None)
    await consumer.start()
    try:
        committed = await admin.list_consumer_group_offsets(group)
        ends = await consumer.end_offsets(sorted(consumer.assignment()))
        return sum(
            end - (committed[partition].offset if partition in committed else 0)
            for partition, end in ends.items()
        )
    finally:
        await consumer.stop()
        await admin.close()
