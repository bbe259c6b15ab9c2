"""The relay: carries outbox rows to Kafka in order, once at least, and deletes what was taken.

One relay works a database at a time (an advisory lock held by its session); others stand by. A
stream's rows are committed under that stream's row lock, so reading by id keeps its order. A crash
between the broker's acknowledgement and the delete publishes a row again under the same event id;
consumers drop it by their inbox. https://microservices.io/patterns/data/transactional-outbox.html
The delete of a few rides on the read of what follows: one event costs two round trips, not three.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import asyncpg
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from parlor_kit import logs, metrics
from parlor_kit.database import Database, gone_is_unavailable
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.events import EventInvalid, Schemas, envelope, seq_headers
from parlor_kit.jobs import every
from parlor_kit.kafka import Brokers
from parlor_kit.outbox import CHANNEL

log = logs.get("relay")

_BATCH = 1000
_IDLE_SECONDS = 1.0
_FIRST_DELAY, _LAST_DELAY = 0.2, 3.0
_LOCK = 0x5041524C  # "PARL": one relay a database
_INTERRUPTIONS = (
    KafkaError,
    DependencyUnavailable,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
# Both parts see one snapshot, in which what is deleted is still there: hence the second condition.
# Not by the last id: a row that commits later may have a smaller one.
_NEXT = """
WITH taken AS (DELETE FROM outbox WHERE id = ANY ($1::bigint[]))
SELECT id, event_id, topic, key, type, data, time, request_id, traceparent
FROM outbox WHERE error IS NULL AND id <> ALL ($1::bigint[]) ORDER BY id LIMIT $2
"""
_DELETE = "DELETE FROM outbox WHERE id = ANY ($1::bigint[])"
_FEW = 64
_PENDING = "SELECT count(*) FROM (SELECT FROM outbox WHERE error IS NULL LIMIT $1) AS waiting"
_MEASURE_SECONDS = 5.0
_MOST_COUNTED = 100_000


class Relay:
    """Runs until cancelled; survives an absent broker or database and resumes by itself."""

    def __init__(self, database: Database, schemas: Schemas, brokers: Brokers) -> None:
        self._database = database
        self._schemas = schemas
        self._brokers = brokers
        self._wake = asyncio.Event()
        self._delay = _FIRST_DELAY

    async def run(self) -> None:
        measuring = asyncio.create_task(
            every(_MEASURE_SECONDS, "measure-outbox", self.measure), name="measure-outbox"
        )
        try:
            await self._relay()
        finally:
            measuring.cancel()
            with suppress(asyncio.CancelledError):
                await measuring  # it may have a connection, which the pool's end would wait for

    async def measure(self) -> None:
        """Set the gauge of what waits, also while no broker takes it; it counts up to a bound."""
        async with self._database.connection() as connection:
            metrics.OUTBOX_PENDING.set(await connection.fetchval(_PENDING, _MOST_COUNTED))

    async def _relay(self) -> None:
        while True:
            try:
                async with gone_is_unavailable():
                    await self._lead()
            except _INTERRUPTIONS as fault:
                log.warning("relay.interrupted", fault=repr(fault), retry_in=self._delay)
                await asyncio.sleep(self._delay)
                self._delay = min(self._delay * 2, _LAST_DELAY)

    async def _lead(self) -> None:
        connection = await self._database.connect()
        producer: AIOKafkaProducer | None = None
        try:
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110 - it is in PostgreSQL
                await asyncio.sleep(_IDLE_SECONDS)
            # A delete that a crash forgets is a record published again, which consumers drop; so
            # ours need not wait for the disk, nor make the senders wait there.
            await connection.execute("SET synchronous_commit = off")
            await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
            producer = AIOKafkaProducer(
                **self._brokers.arguments(),
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                max_batch_size=128 * 1024,
                request_timeout_ms=10_000,
            )
            await producer.start()
            log.info("relay.leading")
            while True:
                self._wake.clear()
                published: list[int] = []
                while rows := await self._next(connection, published):
                    published = await self._publish(connection, producer, rows)
                self._delay = _FIRST_DELAY
                if connection.is_closed():
                    raise DependencyUnavailable("the relay's database session ended")
                with suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_SECONDS):
                        await self._wake.wait()
        finally:
            connection.terminate()
            if producer is not None:
                with suppress(KafkaError, OSError, TimeoutError):
                    async with asyncio.timeout(5):
                        await producer.stop()

    @staticmethod
    async def _next(
        connection: asyncpg.Connection, published: Sequence[int]
    ) -> Sequence[asyncpg.Record]:
        """Delete what was published, and read what follows: at once, unless it is a long list.

        A cached plan compares each row with the whole list; planning anew would find a hash for
        it, and cost every single event more than that saves.
        """
        if len(published) > _FEW:
            await connection.execute(_DELETE, published)
            published = ()
        return list(await connection.fetch(_NEXT, published, _BATCH))

    async def _publish(
        self,
        connection: asyncpg.Connection,
        producer: AIOKafkaProducer,
        rows: Sequence[asyncpg.Record],
    ) -> list[int]:
        """Send a batch; the ids of those that the broker has, once it has all of them."""
        sent = []
        for row in rows:
            try:
                value, headers = self._record(row)
                future = await producer.send(
                    row["topic"], value=value, key=row["key"].encode(), headers=headers
                )
            except (EventInvalid, MessageSizeTooLargeError) as wrong:
                await self._park(connection, row, wrong)
                continue
            sent.append((row["id"], row["topic"], future))
        await asyncio.gather(*(future for _, _, future in sent))
        for _, topic, _ in sent:
            metrics.OUTBOX_PUBLISHED.labels(topic).inc()
        return [row_id for row_id, _, _ in sent]

    def _record(self, row: asyncpg.Record) -> tuple[bytes, list[tuple[str, bytes]]]:
        """Value and headers of a row; raises `EventInvalid` for what no consumer could read."""
        if row["topic"] not in self._schemas.topics:
            raise EventInvalid(f"no topic {row['topic']}")
        try:
            data = orjson.loads(row["data"])
        except orjson.JSONDecodeError as wrong:
            raise EventInvalid(f"data is not JSON: {wrong}") from wrong
        self._schemas.check(row["type"], data)
        value = envelope(
            event_id=row["event_id"],
            topic=row["topic"],
            key=row["key"],
            type_=row["type"],
            time=row["time"],
            data=row["data"].encode(),
            request_id=row["request_id"],
            traceparent=row["traceparent"],
        )
        return value, seq_headers(data)

    async def _park(
        self, connection: asyncpg.Connection, row: asyncpg.Record, wrong: Exception
    ) -> None:
        """Set aside a row that can never be sent; its stream goes on, `dead-letters` shows it."""
        log.error("relay.parked", event_id=str(row["event_id"]), error=str(wrong))
        metrics.OUTBOX_PARKED.labels(row["topic"]).inc()
        await connection.execute(
            "UPDATE outbox SET error = $2 WHERE id = $1", row["id"], str(wrong)
        )
