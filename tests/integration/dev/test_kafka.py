"""The embedded Kafka: the topics of the map, none by accident, starts after every kind of end."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from parlor_dev import checkout
from parlor_dev.kafka import KafkaBroker
from parlor_dev.ports import PortReservations
from parlor_kit import topics
from parlor_kit.kafka import Brokers

pytestmark = pytest.mark.integration
WANTED = topics.read_topics(checkout.kafka_folder() / "topics.yaml")


async def topic_names(bootstrap: str) -> set[str]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        return set(await client.list_topics())
    finally:
        await client.close()


async def test_it_has_every_topic_with_its_partitions_and_retention(kafka_bootstrap: str) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await client.start()
    try:
        described = await client.describe_topics([topic.name for topic in WANTED])
        partitions = {topic["topic"]: len(topic["partitions"]) for topic in described}
        assert partitions == {topic.name: topic.partitions for topic in WANTED}
        for topic in WANTED:
            resource = ConfigResource(ConfigResourceType.TOPIC, topic.name)
            answer = (await client.describe_configs([resource]))[0]
            values = {entry[0]: entry[1] for entry in answer.resources[0][4]}
            assert values["retention.ms"] == str(topic.retention_ms)
    finally:
        await client.close()


async def test_making_the_topics_again_changes_nothing(kafka_bootstrap: str) -> None:
    before = await topic_names(kafka_bootstrap)
    await topics.ensure_topics(Brokers(kafka_bootstrap), WANTED)
    assert await topic_names(kafka_bootstrap) == before


async def test_the_command_of_the_charts_makes_them_and_waits_for_the_broker(
    kafka_bootstrap: str,
) -> None:
    async def run(bootstrap: str, *arguments: str) -> tuple[int | None, str]:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "parlor_kit.topics", *arguments),
            env={"PARLOR_KAFKA_BOOTSTRAP": bootstrap, "PATH": os.defpath},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await child.communicate()
        return child.returncode, output.decode()

    status, said = await run(kafka_bootstrap)
    assert (status, said) == (0, f"{len(WANTED)} topics\n")
    status, said = await run("127.0.0.1:1", "--seconds", "0.1")
    assert status == 1
    assert "KafkaConnectionError" in said


async def test_a_topic_that_nobody_listed_is_not_made(kafka_bootstrap: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, request_timeout_ms=2000)
    async with producer:
        with pytest.raises((KafkaError, TimeoutError)):
            async with asyncio.timeout(5):
                await producer.send_and_wait("no.such.topic", b"x")
    assert "no.such.topic" not in await topic_names(kafka_bootstrap)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[KafkaBroker]:
    """A broker of the test's own, not started."""
    reservations = PortReservations()
    made = KafkaBroker(
        tmp_path / "kafka",
        port=reservations.take(),
        controller_port=reservations.take(),
        log=tmp_path / "kafka.log",
        pid_file=tmp_path / "kafka.json",
    )
    yield made
    await made.stop(harsh=True)
    reservations.close()


async def first_record(bootstrap: str) -> bytes | None:
    consumer = AIOKafkaConsumer(
        "chat.events", bootstrap_servers=bootstrap, auto_offset_reset="earliest"
    )
    async with consumer, asyncio.timeout(20):
        value: bytes | None = (await consumer.getone()).value
        return value


async def test_it_keeps_its_records_over_a_kill_and_over_a_stop(broker: KafkaBroker) -> None:
    await broker.start()
    await broker.make_topics()
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
        await producer.send_and_wait("chat.events", b"kept")
    await broker.process.kill()
    await broker.process.wait_ready()
    assert broker.process.restarts == 1
    assert await first_record(broker.bootstrap) == b"kept"
    await broker.stop()
    assert not broker.process.running
    await broker.start()
    assert await first_record(broker.bootstrap) == b"kept"
