"""The live feed: every replica reads the topics from their end, without a group.

It carries no text and no cards: an event only says that a stream has moved, and the socket hub
reads the rows that its sockets lack. A repeated record costs a query. What is published before the
feed has found the end of its topics, or while the broker is away, the hub's own look finds.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from parlor_kit import logs
from parlor_kit.events import SEQ_HEADER, Event, EventInvalid, parse
from parlor_kit.kafka import Brokers

log = logs.get("feed")


class LiveFeed:
    """Runs until cancelled.

    Args:
        wanted: whether anybody here lacks what the stream with this key has at this seq (None
            where the record names none); asked before parsing.
        on_event: called for each wanted event; must not block.
    """

    def __init__(
        self,
        brokers: Brokers,
        topics: Iterable[str],
        *,
        wanted: Callable[[str, str, int | None], bool],
        on_event: Callable[[Event], None],
    ) -> None:
        self._brokers = brokers
        self._topics = tuple(topics)
        self._wanted = wanted
        self._on_event = on_event
        self._positions: dict[TopicPartition, int] = {}

    async def run(self) -> None:
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError, TimeoutError) as fault:
                log.warning("feed.interrupted", fault=repr(fault))
                await asyncio.sleep(0.5)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            *self._topics,
            **self._brokers.arguments(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=500,
            metadata_max_age_ms=30_000,
        )
        try:
            await consumer.start()
            await self._seek(consumer)
            while True:
                batches = await consumer.getmany(timeout_ms=1000, max_records=2000)
                for partition, records in batches.items():
                    self._positions[partition] = records[-1].offset + 1
                    for record in records:
                        self._dispatch(record)
        finally:
            with suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(5):
                    await consumer.stop()

    async def _seek(self, consumer: AIOKafkaConsumer) -> None:
        """Take every partition: from the end at first, where we were after an interruption."""
        partitions = sorted(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        for partition in partitions:
            position = min(self._positions.get(partition, ends[partition]), ends[partition])
            self._positions[partition] = position
            consumer.seek(partition, position)

    def _dispatch(self, record: ConsumerRecord) -> None:
        key = (record.key or b"").decode(errors="replace")
        if not self._wanted(record.topic, key, _seq(record)):
            return
        try:
            event = parse(record.topic, record.value)
        except EventInvalid as wrong:
            log.warning("feed.skipped", topic=record.topic, error=str(wrong))
            return
        self._on_event(event)


def _seq(record: ConsumerRecord) -> int | None:
    for name, value in record.headers:
        if name == SEQ_HEADER and value.isdigit():
            return int(value)
    return None
