"""Consumers: apply each event of the other services once, whatever crashes in between.

The reaction runs in one transaction with a row in the inbox; the offset is committed afterwards.
An event seen before finds its inbox row and does nothing. A dead dependency makes the consumer
wait; an event that cannot be applied goes to the consumer's dead-letter topic after bounded
retries, and the partition moves on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from enum import StrEnum

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from parlor_kit import logs, metrics, tracing
from parlor_kit.clock import now, rfc3339
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.events import Event, EventInvalid, Schemas, parse
from parlor_kit.kafka import Brokers

log = logs.get("consumer")

Reaction = Callable[[Transaction, Event], Awaitable[None]]

_ATTEMPTS = 3
_MAX_DELAY = 5.0
_GATHERED_BYTES = 64 * 1024
_GATHERING_MS = 100


class Outcome(StrEnum):
    APPLIED = "applied"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    DEAD_LETTERED = "dead_lettered"


class Inbox:
    """Applies an event once: its reaction and its inbox row commit together."""

    def __init__(
        self, database: Database, schemas: Schemas, reactions: Mapping[str, Reaction]
    ) -> None:
        self._database = database
        self._schemas = schemas
        self._reactions = reactions

    async def apply(self, topic: str, value: bytes | None) -> Outcome:
        """Apply the event in `value`.

        Raises:
            EventInvalid: it is not an event of ours; trying again is of no use.
            DependencyUnavailable: something it needs is away; try again for as long as it takes.
        """
        event = parse(topic, value)
        reaction = self._reactions.get(event.type)
        if reaction is None:
            return Outcome.IGNORED
        self._schemas.check(event.type, event.data)
        tracing.bind(tracing.open_trace(event.request_id, event.traceparent))
        async with self._database.transaction() as transaction:
            fresh = await transaction.connection.fetchval(
                "INSERT INTO inbox (event_id, topic, applied_at) VALUES ($1, $2, $3) "
                "ON CONFLICT (event_id) DO NOTHING RETURNING true",
                event.id,
                topic,
                now(),
            )
            if not fresh:
                return Outcome.DUPLICATE
            await reaction(transaction, event)
            return Outcome.APPLIED


class Consumer:
    """The group of a service over the topics that name it as a consumer. Runs until cancelled."""

    def __init__(self, service: str, inbox: Inbox, schemas: Schemas, brokers: Brokers) -> None:
        self._service = service
        self._inbox = inbox
        self._topics = {
            name: topic for name, topic in schemas.topics.items() if service in topic.consumers
        }
        self._brokers = brokers

    async def run(self) -> None:
        if not self._topics:
            return
        while True:
            try:
                await self._consume()
            except (KafkaError, OSError, TimeoutError) as fault:
                log.warning("consumer.interrupted", fault=repr(fault))
                await asyncio.sleep(1)

    async def _consume(self) -> None:
        consumer = AIOKafkaConsumer(
            *self._topics,
            **self._brokers.arguments(),
            group_id=self._service,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_interval_ms=3_600_000,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=1_000,
            metadata_max_age_ms=30_000,
            # The broker gathers for a moment: a busy topic wakes us ten times a second at most.
            fetch_min_bytes=_GATHERED_BYTES,
            fetch_max_wait_ms=_GATHERING_MS,
        )
        producer = AIOKafkaProducer(
            **self._brokers.arguments(), acks="all", enable_idempotence=True
        )
        try:
            await producer.start()
            await consumer.start()
            log.info("consumer.started", topics=sorted(self._topics))
            while True:
                batches = await consumer.getmany(timeout_ms=1000, max_records=200)
                for records in batches.values():
                    for record in records:
                        await self._handle(producer, record)
                if batches:
                    await consumer.commit(
                        {partition: some[-1].offset + 1 for partition, some in batches.items()}
                    )
        finally:
            for client in (consumer, producer):
                with suppress(KafkaError, OSError, TimeoutError):
                    async with asyncio.timeout(5):
                        await client.stop()

    async def _handle(self, producer: AIOKafkaProducer, record: ConsumerRecord) -> None:
        delay, attempt = 0.1, 0
        while True:
            attempt += 1
            try:
                outcome = await self._inbox.apply(record.topic, record.value)
                metrics.CONSUMED.labels(record.topic, outcome).inc()
                return
            except DependencyUnavailable as fault:
                log.warning("consumer.waiting", topic=record.topic, fault=fault.detail)
                attempt -= 1
            except EventInvalid as wrong:
                await self._bury(producer, record, attempt, wrong)
                return
            except Exception as fault:
                log.warning("consumer.failed", topic=record.topic, exc_info=fault)
                if attempt >= _ATTEMPTS:
                    await self._bury(producer, record, attempt, fault)
                    return
            await asyncio.sleep(delay)
            delay = min(delay * 2, _MAX_DELAY)

    async def _bury(
        self, producer: AIOKafkaProducer, record: ConsumerRecord, attempts: int, fault: Exception
    ) -> None:
        topic = self._topics[record.topic].dead_letters(self._service)
        log.error("consumer.dead_lettered", topic=topic, offset=record.offset, fault=repr(fault))
        await producer.send_and_wait(
            topic,
            value=record.value,
            key=record.key,
            headers=dead_letter_headers(record, attempts, fault),
        )
        metrics.CONSUMED.labels(record.topic, Outcome.DEAD_LETTERED).inc()


def dead_letter_headers(
    record: ConsumerRecord, attempts: int, fault: Exception
) -> list[tuple[str, bytes]]:
    """Where a dead letter came from and why; the fault's text, never the event's content."""
    return [
        ("topic", record.topic.encode()),
        ("partition", str(record.partition).encode()),
        ("offset", str(record.offset).encode()),
        ("attempts", str(attempts).encode()),
        ("failed_at", rfc3339(now()).encode()),
        ("error", f"{type(fault).__name__}: {fault}"[:500].encode()),
    ]


async def prune_inbox(database: Database, *, days: int = 45) -> None:
    """Forget events older than any topic or dead-letter topic could still deliver."""
    async with database.connection() as connection:
        await connection.execute(
            "DELETE FROM inbox WHERE applied_at < now() - make_interval(days => $1)", days
        )
