"""The servers that other tests run against are real and look as in production."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from parlor_dev.backing import PostgresBacking

pytestmark = pytest.mark.integration


async def test_each_database_is_new_and_has_two_roles(postgres_server: PostgresBacking) -> None:
    first = await postgres_server.database("chat")
    second = await postgres_server.database("chat")
    assert first != second
    owner = await asyncpg.connect(first.owner_url)
    app = await asyncpg.connect(first.app_url)
    try:
        await owner.execute("CREATE TABLE note (id int PRIMARY KEY)")
        role = first.app_url.partition("://")[2].partition(":")[0]
        await owner.execute(f"GRANT SELECT, INSERT ON note TO {role}")
        await app.execute("INSERT INTO note VALUES (1)")
        assert await app.fetchval("SELECT count(*) FROM note") == 1
    finally:
        await owner.close()
        await app.close()


async def test_a_record_comes_back_in_order(kafka_bootstrap: str) -> None:
    stream = uuid4().hex.encode()
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all") as producer:
        for number in range(3):
            await producer.send_and_wait("chat.events", b"%d" % number, key=stream)
    consumer = AIOKafkaConsumer(
        "chat.events", bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest"
    )
    found: list[bytes] = []
    async with consumer, asyncio.timeout(30):
        while len(found) < 3:
            record = await consumer.getone()
            if record.key == stream:  # other tests write to this topic as well
                found.append(record.value)
    assert found == [b"0", b"1", b"2"]
