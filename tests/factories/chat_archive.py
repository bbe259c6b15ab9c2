"""Conversations with a past: messages of any age, with receipts, keys and recorded answers.

Written straight into the tables of chat, since nobody can send a message a year ago.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
from parlor_chat.signing import Signer
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.legal_holds import LegalHold
from parlor_chat.usecases.run_archive_expiry import Periods
from parlor_kit.clock import now
from parlor_kit.ids import new_id

ADMIN = Actor("0197a000-0000-7000-8000-000000000001", "admin")
PERIODS = Periods(timedelta(days=30), timedelta(days=365))
SIGNER = Signer(bytes(range(32)))
PlacesHold = Callable[..., Awaitable[LegalHold]]

FRESH = timedelta(days=1)
OLD = timedelta(days=60)
ANCIENT = timedelta(days=400)

_CONVERSATION = """
INSERT INTO conversations (id, kind, title, participants_key, epoch, last_seq, event_seq, status,
    created_by, created_at)
VALUES ($1, 'group', NULL, $2, 'e', $3, $4, 'open', $5, $6)
"""

_PARTICIPANTS = """
INSERT INTO participants (conversation_id, user_id, joined_at) SELECT $1, unnest($2::uuid[]), $3
"""

_MESSAGES = """
INSERT INTO messages (id, conversation_id, seq, event_seq, sender_id, kind, body,
    client_message_id, sent_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::uuid[], $6::text[],
    $7::text[], $8::text[], $9::timestamptz[])
"""

_RECEIPTS = """
INSERT INTO receipts (message_id, user_id, conversation_id, delivered_at, read_at,
    delivered_event_seq, read_event_seq)
SELECT id, $2, conversation_id, sent_at, sent_at, event_seq + 1, event_seq + 2
FROM messages WHERE conversation_id = $1 AND sender_id <> $2
"""

_KEYS = """
INSERT INTO message_keys (conversation_id, sender_id, kind, key, message_id, digest, created)
SELECT conversation_id, coalesce(sender_id, '00000000-0000-0000-0000-000000000000'), 'client',
    client_message_id, id, NULL, true
FROM messages WHERE conversation_id = $1
UNION ALL
SELECT conversation_id, sender_id, 'idempotency', 'key ' || seq, id, sha256(body::bytea), true
FROM messages WHERE conversation_id = $1 AND sender_id IS NOT NULL
"""

_ANSWERS = """
INSERT INTO idempotency_records (scope, key, digest, object_id, status, answer, sealed, created_at)
SELECT 'somebody', id::text, sha256(body::bytea), id, 201, body::bytea, false, sent_at
FROM messages WHERE conversation_id = $1
"""


@dataclass(frozen=True)
class Past:
    """A conversation as it was written: its people and the texts by age of their messages."""

    id: UUID
    people: tuple[UUID, ...]
    texts: tuple[str, ...]


def id_at(moment: datetime) -> UUID:
    """An id as it would have been made at that moment: UUIDv7."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | secrets.randbits(62))


async def make_month(connection: asyncpg.Connection, age: timedelta) -> None:
    """Make the month in which messages of that age lie, where it is missing."""
    await connection.execute(
        "SELECT make_message_months(month_of(now() - $1::interval), "
        "month_of(now() - $1::interval))",
        age,
    )


async def converse(
    connection: asyncpg.Connection,
    ages: Sequence[timedelta],
    *,
    people: Sequence[UUID] = (),
    traces: bool = True,
) -> Past:
    """A conversation of two, one message an age, oldest first; `traces` are keys and answers."""
    conversation_id = new_id()
    pair = tuple(people) or (uuid4(), uuid4())
    moment = now()
    await connection.execute(
        _CONVERSATION,
        conversation_id,
        str(conversation_id),
        len(ages),
        3 * len(ages),
        pair[0],
        moment,
    )
    await connection.execute(
        _PARTICIPANTS,
        conversation_id,
        pair,
        moment,
    )
    texts = tuple(f"the secret {uuid4().hex} of {conversation_id}" for _ in ages)
    seqs = range(1, len(ages) + 1)
    await connection.execute(
        _MESSAGES,
        [id_at(moment - age) for age in ages],
        [conversation_id for _ in seqs],
        list(seqs),
        [3 * seq - 2 for seq in seqs],
        [pair[seq % 2] if seq % 5 else None for seq in seqs],
        ["user" if seq % 5 else "system" for seq in seqs],
        list(texts),
        [f"client {seq}" for seq in seqs],
        [moment - age for age in ages],
    )
    await connection.execute(_RECEIPTS, conversation_id, pair[0])
    if traces:
        await connection.execute(_KEYS, conversation_id)
        await connection.execute(_ANSWERS, conversation_id)
    return Past(conversation_id, pair, texts)


async def retained(connection: asyncpg.Connection, conversation_id: UUID) -> int:
    """How many messages of the conversation are still there."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM messages WHERE conversation_id = $1", conversation_id
        )
    )


async def tables_with(connection: asyncpg.Connection, texts: Iterable[str]) -> dict[str, int]:
    """Rows by table that contain any of `texts`, whatever the column and its type."""
    names = await connection.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    plain = list(texts)
    needles = plain + [text.encode().hex() for text in plain]  # as bytea columns print themselves
    found = {}
    for row in names:
        count = await connection.fetchval(
            f'SELECT count(*) FROM "{row["table_name"]}" AS any_row '
            "WHERE EXISTS (SELECT FROM unnest($1::text[]) AS needle "
            "WHERE strpos(any_row::text, needle) > 0)",
            needles,
        )
        if count:
            found[row["table_name"]] = int(count)
    return found
