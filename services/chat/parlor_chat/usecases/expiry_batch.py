"""One batch of archive expiry: decides about some hundred messages and acts, in SQL.

Called by `expiry_session` for each batch, inside one short transaction. Nothing is decided before
the gate and the rows of its conversations are locked, and holds are read after that; see
`hold_coverage`. A dry batch reads the same rows by the same statement and changes nothing.

Every decision is one line of the manifest, in canonical JSON (RFC 8785: sorted keys, no spaces):

    {"action":"expired","conversation_id":"…","message_id":"…","sent_at":"…","seq":7}
    {"action":"held","conversation_id":"…","holds":["…"],"message_id":"…","sent_at":"…","seq":7}

`action` is archived, expired or held; lines are sorted by conversation, seq and action. There is no
digest of the text: short texts can be guessed from a digest, and nothing of them is to be left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from parlor_chat.usecases.hold_coverage import COVERING, GATE

_NOBODY = "00000000-0000-0000-0000-000000000000"

# The order of ids is the order in which sends and receipts lock, so nobody waits in a circle.
_LOCK = """
SELECT id FROM conversations WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE
"""

_DECIDE = f"""
WITH conversation AS MATERIALIZED (
    SELECT id, CASE WHEN place = 1 THEN $2::bigint ELSE 0 END AS after_seq
    FROM unnest($1::uuid[]) WITH ORDINALITY AS listed (id, place)
), covering AS MATERIALIZED (
    SELECT conversation_id, string_agg('"' || hold_id || '"', ',' ORDER BY hold_id) AS holds
    FROM ({COVERING.format(conversations="$1::uuid[]")}) AS covered
    GROUP BY conversation_id
), candidate AS MATERIALIZED (
    SELECT found.*
    FROM conversation CROSS JOIN LATERAL (
        SELECT id, conversation_id, seq, sent_at, sender_id, client_message_id,
            archived_at IS NULL AS active, sent_at < $4 AS due
        FROM messages
        WHERE conversation_id = conversation.id AND seq > conversation.after_seq
            AND sent_at < $3 AND (archived_at IS NULL OR sent_at < $4)
        ORDER BY seq LIMIT $5
    ) AS found
    ORDER BY conversation_id, seq LIMIT $5
), decided AS MATERIALIZED (
    SELECT candidate.*, covering.holds,
        due AND covering.holds IS NULL AS expires,
        due AND covering.holds IS NOT NULL AS stays,
        active AND (NOT due OR covering.holds IS NOT NULL) AS archives
    FROM candidate LEFT JOIN covering USING (conversation_id)
)"""  # noqa: S608 - constants

_TELL = """
SELECT
    count(*) AS decided,
    count(*) FILTER (WHERE archives) AS archived,
    count(*) FILTER (WHERE expires) AS expired,
    count(*) FILTER (WHERE stays) AS held,
    (array_agg(conversation_id ORDER BY conversation_id DESC, seq DESC))[1] AS last_conversation_id,
    (array_agg(seq ORDER BY conversation_id DESC, seq DESC))[1] AS last_seq,
    convert_to(string_agg(
        CASE WHEN archives THEN concat('{"action":"archived",', place, described) ELSE '' END ||
        CASE WHEN expires THEN concat('{"action":"expired",', place, described) ELSE '' END ||
        CASE WHEN stays THEN
            concat('{"action":"held",', place, '"holds":[', holds, '],', described) ELSE '' END,
        '' ORDER BY conversation_id, seq
    ), 'UTF8') AS lines
FROM decided CROSS JOIN LATERAL (
    SELECT
        concat('"conversation_id":"', conversation_id, '",') AS place,
        concat('"message_id":"', id, '","sent_at":"',
            to_char(sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            '","seq":', seq, E'}\\n') AS described
) AS line
"""

# Arrays rather than joins: a plan that walks a whole table by its index would be one of them.
_ACT = f""", forgotten_receipts AS (
    DELETE FROM receipts WHERE message_id = ANY (ARRAY(SELECT id FROM decided WHERE expires))
), forgotten_client_keys AS (
    DELETE FROM message_keys USING decided
    WHERE expires AND message_keys.conversation_id = decided.conversation_id
        AND message_keys.sender_id = coalesce(decided.sender_id, '{_NOBODY}')
        AND message_keys.kind = 'client' AND message_keys.key = decided.client_message_id
), forgotten_keys AS (
    DELETE FROM message_keys
    WHERE kind = 'idempotency' AND message_id = ANY (ARRAY(SELECT id FROM decided WHERE expires))
), forgotten_answers AS (
    DELETE FROM idempotency_records
    WHERE object_id = ANY (ARRAY(SELECT id FROM decided WHERE expires))
), forgotten_versions AS (
    DELETE FROM message_versions
    WHERE message_id = ANY (ARRAY(SELECT id FROM decided WHERE expires))
), forgotten_search AS (
    DELETE FROM message_search WHERE message_id = ANY (ARRAY(SELECT id FROM decided WHERE expires))
), forgotten_reports AS (
    DELETE FROM reports WHERE message_id = ANY (ARRAY(SELECT id FROM decided WHERE expires))
), forgotten_notes AS (
    DELETE FROM case_notes WHERE message_id = ANY (ARRAY(SELECT id FROM decided WHERE expires))
), forgotten_notices AS (
    DELETE FROM notices WHERE message_id = ANY (ARRAY(SELECT id FROM decided WHERE expires))
), forgotten AS (
    DELETE FROM messages WHERE id = ANY (ARRAY(SELECT id FROM decided WHERE expires))
), archived AS (
    UPDATE messages SET archived_at = statement_timestamp()
    WHERE id = ANY (ARRAY(SELECT id FROM decided WHERE archives))
)"""  # noqa: S608 - a constant

_DRY = _DECIDE + _TELL
_REAL = _DECIDE + _ACT + _TELL


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Messages sent before these moments leave the participants' view, and are deleted."""

    archive_before: datetime
    expire_before: datetime


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch decided; `last` is where the next one goes on when `decided` met the limit."""

    decided: int
    archived: int
    expired: int
    held: int
    last: tuple[UUID, int] | None
    lines: bytes


async def run_batch(
    connection: asyncpg.Connection,
    conversation_ids: Sequence[UUID],
    *,
    after_seq: int,
    cutoffs: Cutoffs,
    limit: int,
    dry: bool,
) -> BatchResult:
    """Decide about the next `limit` messages of these conversations, which are in order of id.

    `after_seq` is where the first of them was left.
    """
    if not dry:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", GATE)
        await connection.execute(_LOCK, conversation_ids)
    row = await connection.fetchrow(
        _DRY if dry else _REAL,
        conversation_ids,
        after_seq,
        cutoffs.archive_before,
        cutoffs.expire_before,
        limit,
    )
    last = (row["last_conversation_id"], row["last_seq"]) if row["decided"] else None
    return BatchResult(
        row["decided"], row["archived"], row["expired"], row["held"], last, row["lines"] or b""
    )
