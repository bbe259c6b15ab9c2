"""Archive expiry over a million old messages, while people chat: its duration, and what sends feel.

Twice: with held conversations in every month, so that the rest goes in batches, and with nothing
held, so that whole months are dropped. Each message has a receipt and a key of its send. The past
is written straight into the tables, since nobody can send a message a year ago.
"""

import asyncio
import time
from datetime import timedelta
from typing import Any

import aiohttp
import asyncpg
import orjson
from crowd import converse, gather_guests
from parlor_dev.client import Api
from parlor_dev.stack import Stack
from report import Figure, latency
from wire import Wire

_EACH = 50  # messages of a conversation
_PAUSE = 0.01  # between two sends
_HELD_MONTHS = timedelta(days=400)
_FREE_MONTHS = timedelta(days=600)
_SPREAD = timedelta(days=90)

_FILL = """
WITH made AS (
    INSERT INTO conversations (id, kind, participants_key, epoch, last_seq, event_seq, status,
        created_by, created_at)
    SELECT gen_random_uuid(), 'group', number, 'e', {each}, 2 * {each}, 'open',
        gen_random_uuid(), now()
    FROM generate_series(1, $1::int) AS number
    RETURNING id, created_by
), joined AS (
    INSERT INTO participants (conversation_id, user_id, joined_at)
    SELECT id, created_by, now() FROM made
), old AS (
    SELECT made.id AS conversation_id, created_by AS sender_id, seq,
        now() - $2::interval - $3::interval * random() AS sent_at
    FROM made CROSS JOIN generate_series(1, {each}) AS seq
), named AS MATERIALIZED (
    SELECT old.*, overlay(
        replace(gen_random_uuid()::text, '-', '')
        PLACING left(replace(id_floor(sent_at)::text, '-', ''), 12) || '7' FROM 1 FOR 13
    )::uuid AS id FROM old
), received AS (
    INSERT INTO receipts (message_id, user_id, conversation_id, delivered_at, read_at,
        delivered_event_seq, read_event_seq)
    SELECT id, gen_random_uuid(), conversation_id, sent_at, NULL, 2 * seq, NULL FROM named
), keyed AS (
    INSERT INTO message_keys (conversation_id, sender_id, kind, key, message_id, created)
    SELECT conversation_id, sender_id, 'client', 'client ' || seq, id, true FROM named
)
INSERT INTO messages (id, conversation_id, seq, event_seq, sender_id, kind, body,
    client_message_id, sent_at, archived_at)
SELECT id, conversation_id, seq, 2 * seq - 1, sender_id, 'user', 'a message of usual length',
    'client ' || seq, sent_at, sent_at + interval '30 days'
FROM named
"""

_HOLD = """
WITH placed AS (
    INSERT INTO holds (id, source, matter, reason, placed_by, placed_at)
    SELECT gen_random_uuid(), 'api', 'M-' || number, 'a court asks', 'bench', now()
    FROM generate_series(1, $1::int) AS number RETURNING id
)
INSERT INTO hold_conversations (hold_id, conversation_id)
SELECT placed.id, chosen.id
FROM (SELECT id, row_number() OVER () AS place FROM placed) AS placed
JOIN (
    SELECT id, row_number() OVER (ORDER BY id) AS place FROM conversations
    WHERE epoch = 'e' LIMIT $1
) AS chosen USING (place)
"""


async def expiry(stack: Stack, api: Api, *, messages: int, held: int) -> list[Figure]:
    """Runs over a past with holds and over one without, with somebody sending meanwhile."""
    admin = await api.login(stack.admin_email, stack.admin_password)
    figures = []
    for since, holds in ((_HELD_MONTHS, held), (_FREE_MONTHS, 0)):
        await _fill(stack, messages, since, holds)
        delays: list[float] = []
        sending = asyncio.create_task(_send(stack, api, delays))
        try:
            await asyncio.sleep(2)
            delays.clear()
            started = time.perf_counter()
            run = await _run(admin)
            elapsed = time.perf_counter() - started
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        what = f"archive expiry, {messages:,} messages, {holds:,} held conversations"
        kept, dropped = run["held"], run["progress"]["months_dropped"]
        figures.append(
            Figure(
                what,
                f"{elapsed:.1f} s ({run['expired']:,} gone, {kept:,} kept, {dropped} months whole)",
                "≤ 60 s",
                elapsed <= 60,
            )
        )
        figures.append(latency("sends meanwhile", delays, p99_ms=100))
        if run["expired"] != messages - holds * _EACH:
            raise RuntimeError(f"the wrong messages went: {run}")
    return figures


async def _run(admin: Api) -> dict[str, Any]:
    """The run when it has ended; asking for it may take longer than a client waits."""
    before = await _newest(admin)
    asking = asyncio.create_task(admin.post("/api/v1/admin/archive-expiry/run", {}))
    try:
        while True:
            await asyncio.sleep(0.5)
            run = await _newest(admin)
            if run and run["state"] != "running" and run != before:
                return run
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def _newest(admin: Api) -> dict[str, Any] | None:
    items = (await admin.get("/api/v1/admin/archive-expiry/runs?limit=1"))["items"]
    return dict(items[0]) if items else None


async def _fill(stack: Stack, messages: int, since: timedelta, holds: int) -> None:
    connection = await asyncpg.connect(stack.database_url("chat", owner=True))
    try:
        await connection.execute(
            "SELECT make_message_months(month_of(now() - $1::interval - $2::interval), "
            "month_of(now() - $1))",
            since,
            _SPREAD,
        )
        # What was said so long ago has long been indexed, and is not the matter here.
        await connection.execute(
            "INSERT INTO message_search_position (indexed_until) VALUES (now()) "
            "ON CONFLICT (only_one) DO UPDATE SET indexed_until = now()"
        )
        conversations, step = messages // _EACH, 500
        for _ in range(conversations // step):
            await connection.execute(_FILL.format(each=_EACH), step, since, _SPREAD, timeout=600)
        await connection.execute(_HOLD, holds)
        await connection.execute("VACUUM ANALYZE", timeout=600)
    finally:
        await connection.close()


async def _send(stack: Stack, api: Api, delays: list[float]) -> None:
    """One message after the other until cancelled; seconds from each send to its ack."""
    ann, ben = await gather_guests(stack, api, 2)
    conversation = await converse(api, ann, ben)
    url = f"{stack.public_urls('chat')[0]}/api/v1/conversations/{conversation}/ws"
    async with aiohttp.ClientSession() as http:
        wire = await Wire.connect(http, url, ann.token)
        acked: asyncio.Future[None]

        def on_frame(frame: bytes) -> None:
            if b'"ack"' in frame[:24] and not acked.done():
                acked.set_result(None)

        wire.on_frame = on_frame
        number = 0
        while True:
            number += 1
            acked = asyncio.get_running_loop().create_future()
            started = time.perf_counter()
            await wire.send(orjson.dumps({"type": "send", "id": str(number), "body": "hello"}))
            async with asyncio.timeout(30):  # wait_for could swallow the end of this task
                await acked
            delays.append(time.perf_counter() - started)
            await asyncio.sleep(_PAUSE)
