"""Reads and writes Kafka topics past the platform, to see what it published and to disturb it."""

from __future__ import annotations

from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def records(bootstrap: str, topic: str) -> list[dict[str, Any]]:
    """Every CloudEvent on `topic` now, partition by partition in order; [] for a bad document."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=None)
    await consumer.start()
    found: list[dict[str, Any]] = []
    try:
        partitions = sorted(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        for partition in partitions:
            await consumer.seek_to_beginning(partition)
            while await consumer.position(partition) < ends[partition]:
                fetched = await consumer.getmany(partition, timeout_ms=1000)
                for record in fetched.get(partition, ()):
                    try:
                        found.append(orjson.loads(record.value))
                    except orjson.JSONDecodeError:
                        found.append({})
    finally:
        await consumer.stop()
    return found


async def events(bootstrap: str, topic: str, type_: str, key: str) -> list[dict[str, Any]]:
    """The events of one type and stream on `topic`."""
    return [
        event
        for event in await records(bootstrap, topic)
        if event.get("type") == type_ and event.get("subject") == key
    ]


async def put(bootstrap: str, topic: str, key: str, value: bytes) -> None:
    """Write one record as no service of ours would."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, value=value, key=key.encode())
    finally:
        await producer.stop()
