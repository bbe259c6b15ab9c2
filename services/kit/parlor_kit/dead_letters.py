"""Lists and replays the dead letters of a service: `python -m parlor_<service> dead-letters ...`.

Replay reads from where the last replay stopped and applies each event through the same inbox as
the consumer does. What fails again is put back at the end, with its new error.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import ConsumerRecord, TopicPartition

from parlor_kit.consumer import Inbox, dead_letter_headers
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.events import Schemas
from parlor_kit.kafka import Brokers


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One buried event and what became of it."""

    topic: str
    offset: int
    key: str
    error: str
    failed_at: str
    outcome: str


def _describe(record: ConsumerRecord, outcome: str) -> DeadLetter:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    return DeadLetter(
        topic=record.topic,
        offset=record.offset,
        key=(record.key or b"").decode(errors="replace"),
        error=headers.get("error", ""),
        failed_at=headers.get("failed_at", ""),
        outcome=outcome,
    )


class DeadLetters:
    """The dead-letter topics of `service`, read by a group of their own."""

    def __init__(self, service: str, schemas: Schemas, brokers: Brokers) -> None:
        self._service = service
        self._brokers = brokers
        self._origins = {
            topic.dead_letters(service): name
            for name, topic in schemas.topics.items()
            if service in topic.consumers
        }

    async def waiting(self) -> list[DeadLetter]:
        """Dead letters that no replay has taken yet."""
        async with self._consumer() as consumer:
            return [_describe(record, "waiting") async for record in self._records(consumer)]

    async def replay(self, inbox: Inbox) -> list[DeadLetter]:
        """Apply every waiting dead letter; those that fail again go back to the end.

        Raises:
            DependencyUnavailable: a dependency is away; what was not yet applied is still waiting.
        """
        letters = []
        producer = AIOKafkaProducer(
            **self._brokers.arguments(), acks="all", enable_idempotence=True
        )
        await producer.start()
        try:
            async with self._consumer() as consumer:
                async for record in self._records(consumer):
                    letters.append(await self._apply(inbox, producer, record))
                    partition = TopicPartition(record.topic, record.partition)
                    await consumer.commit({partition: record.offset + 1})
        finally:
            await producer.stop()
        return letters

    async def _apply(
        self, inbox: Inbox, producer: AIOKafkaProducer, record: ConsumerRecord
    ) -> DeadLetter:
        try:
            outcome = await inbox.apply(self._origins[record.topic], record.value)
        except DependencyUnavailable:
            raise
        except Exception as fault:
            await producer.send_and_wait(
                record.topic,
                value=record.value,
                key=record.key,
                headers=dead_letter_headers(record, 1, fault),
            )
            return _describe(record, f"failed again: {type(fault).__name__}: {fault}")
        return _describe(record, outcome)

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            *self._origins,
            **self._brokers.arguments(),
            group_id=f"{self._service}.dead-letters",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def _records(self, consumer: AIOKafkaConsumer) -> AsyncIterator[ConsumerRecord]:
        """From the replay group's offsets to the end as it is now, so that a replay ends."""
        partitions = await self._assigned(consumer)
        ends = await consumer.end_offsets(partitions)
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                fetched = await consumer.getmany(partition, timeout_ms=500)
                for record in fetched.get(partition, ()):
                    if record.offset < ends[partition]:
                        yield record

    async def _assigned(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        """Every partition, once the group has given them to us: one replay runs at a time.

        Raises:
            DependencyUnavailable: the broker, or another replay, did not let us have them in time.
        """
        try:
            async with asyncio.timeout(15):
                # aiokafka tells nobody when the group has assigned them.
                while not self._complete(consumer):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        except TimeoutError as late:
            raise DependencyUnavailable("Kafka gave no access to the dead letters") from late
        return sorted(consumer.assignment())

    def _complete(self, consumer: AIOKafkaConsumer) -> bool:
        return {partition.topic for partition in consumer.assignment()} == set(self._origins)
