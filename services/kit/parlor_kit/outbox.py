"""The outbox: events committed in the transaction of the rows that they tell of.

`append` is called by `Transaction` before its commit; SQL functions of the hot paths insert the
same columns themselves. `parlor_kit.relay` carries the rows to Kafka.
"""

from collections.abc import Sequence

import asyncpg
import orjson

from parlor_kit import tracing
from parlor_kit.events import Event

CHANNEL = "outbox"

_INSERT = """
INSERT INTO outbox (event_id, topic, key, type, data, time, request_id, traceparent)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[],
                     $6::timestamptz[], $7::text[], $8::text[])
"""


async def append(connection: asyncpg.Connection, events: Sequence[Event]) -> None:
    """Insert `events` in order and wake the relay when the transaction commits."""
    trace = tracing.current()
    await connection.execute(
        _INSERT,
        [event.id for event in events],
        [event.topic for event in events],
        [event.key for event in events],
        [event.type for event in events],
        [orjson.dumps(event.data).decode() for event in events],
        [event.time for event in events],
        [event.request_id or trace.request_id for event in events],
        [event.traceparent or trace.traceparent for event in events],
    )
    await connection.execute("SELECT pg_notify('outbox', '')")
