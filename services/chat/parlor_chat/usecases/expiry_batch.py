"""One batch of archive expiry: decides about some hundred messages of a month and acts, in SQL.

Called by `expiry_session` for each batch, inside one short transaction. Nothing is decided before
the gate and the rows of its conversations are locked, and holds are read after that; see
`hold_coverage`. A dry batch reads the same rows by the same statement and changes nothing.

Every decision is one line of the manifest, in canonical JSON (RFC 8785: sorted keys, no spaces):

    {"action":"expired","conversation_id":"…","message_id":"…","sent_at":"…","seq":7}
    {"action":"held","conversation_id":"…","first_seq":1,"holds":["…"],"last_seq":9,"messages":9,
     "newest":"…","oldest":"…"}

`action` is archived, expired or held. What is held is told by conversation, not by message: it is
the same in every run for as long as the hold stands, and manifests stay for good. There is no
digest of the text: short texts can be guessed from a digest, and nothing of them is to be left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from parlor_chat.usecases.expiry_months import Month
from parlor_chat.usecases.expiry_traces import forget_retries, forget_traces
from parlor_chat.usecases.hold_coverage import COVERING, GATE
from parlor_chat.usecases.retention_periods import CUTOFFS

# The order of ids is the order in which sends and receipts lock, so nobody waits in a circle.
_LOCK = """
SELECT id FROM conversations WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE
"""

_MOMENT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""

# What a line says after its action; the rows have conversation_id, id, sent_at and seq.
LINE_PLACE = """concat('"conversation_id":"', conversation_id, '",')"""
LINE_MESSAGE = f"""concat('"message_id":"', id, '","sent_at":"', {_MOMENT.format("sent_at")},
            '","seq":', seq, E'}}\\n')"""

_DECIDE = f"""
WITH conversation AS MATERIALIZED (
    SELECT cutoffs.*, CASE WHEN listed.place = 1 THEN $6::bigint ELSE 0 END AS after_seq
    FROM unnest($5::uuid[]) WITH ORDINALITY AS listed (id, place)
    CROSS JOIN LATERAL ({CUTOFFS.format(conversations="SELECT listed.id")}) AS cutoffs
), covering AS MATERIALIZED (
    SELECT conversation_id, string_agg('"' || hold_id || '"', ',' ORDER BY hold_id) AS holds,
        array_agg(hold_id ORDER BY hold_id) AS hold_ids
    FROM ({COVERING.format(conversations="$5::uuid[]")}) AS covered
    GROUP BY conversation_id
), candidate AS MATERIALIZED (
    SELECT found.*
    FROM conversation CROSS JOIN LATERAL (
        SELECT id, conversation_id, seq, sent_at, sender_id, client_message_id,
            archived_at IS NULL AS active, sent_at < conversation.expire_before AS due
        FROM {{messages}}
        WHERE conversation_id = conversation.id AND seq > conversation.after_seq
            AND id BETWEEN $8::uuid AND $9::uuid
            AND (archived_at IS NULL AND sent_at < conversation.archive_before
                OR sent_at < conversation.expire_before)
        ORDER BY seq LIMIT $7
    ) AS found
    ORDER BY conversation_id, seq LIMIT $7
), decided AS MATERIALIZED (
    SELECT candidate.*, covering.holds, covering.hold_ids,
        due AND covering.holds IS NULL AS expires,
        due AND covering.holds IS NOT NULL AS stays,
        active AND (NOT due OR covering.holds IS NOT NULL) AS archives
    FROM candidate LEFT JOIN covering USING (conversation_id)
), kept AS (
    INSERT INTO archive_expiry_kept AS known
        (run_id, conversation_id, hold_ids, messages, oldest, newest)
    SELECT $10::uuid, conversation_id, min(hold_ids), count(*), min(sent_at), max(sent_at)
    FROM decided WHERE stays GROUP BY conversation_id
    ON CONFLICT (run_id, conversation_id) DO UPDATE SET
        hold_ids = excluded.hold_ids,
        messages = known.messages + excluded.messages,
        oldest = least(known.oldest, excluded.oldest),
        newest = greatest(known.newest, excluded.newest)
)"""  # noqa: S608 - constants

_TELL = f""", told AS (
    SELECT conversation_id, 1 AS place, seq, concat(
        CASE WHEN archives THEN '{{"action":"archived",' ELSE '{{"action":"expired",' END,
        {LINE_PLACE}, {LINE_MESSAGE}
    ) AS line
    FROM decided WHERE archives OR expires
    UNION ALL
    SELECT conversation_id, 2, max(seq), concat(
        '{{"action":"held",', {LINE_PLACE}, '"first_seq":', min(seq), ',"holds":[', min(holds),
        '],"last_seq":', max(seq), ',"messages":', count(*),
        ',"newest":"', {_MOMENT.format("max(sent_at)")},
        '","oldest":"', {_MOMENT.format("min(sent_at)")}, E'"}}\\n'
    )
    FROM decided WHERE stays GROUP BY conversation_id
)
SELECT
    count(*) AS decided,
    count(*) FILTER (WHERE archives) AS archived,
    count(*) FILTER (WHERE expires) AS expired,
    count(*) FILTER (WHERE stays) AS held,
    (array_agg(conversation_id ORDER BY conversation_id DESC, seq DESC))[1] AS last_conversation_id,
    (array_agg(seq ORDER BY conversation_id DESC, seq DESC))[1] AS last_seq,
    (SELECT convert_to(string_agg(line, '' ORDER BY conversation_id, place, seq), 'UTF8')
        FROM told) AS lines
FROM decided
"""  # noqa: S608 - constants

# The span of ids is known before the plan starts, so that it opens one month alone.
_ACT = f""", doomed AS MATERIALIZED (
    SELECT id, conversation_id, sender_id, client_message_id FROM decided WHERE expires
), forgotten_receipts AS (
    DELETE FROM {{receipts}}
    WHERE message_id BETWEEN $8 AND $9 AND message_id = ANY (ARRAY(SELECT id FROM doomed))
), {forget_retries("doomed")}{forget_traces("doomed", "$8", "$9")}, forgotten AS (
    DELETE FROM {{messages}} WHERE id BETWEEN $8 AND $9 AND id = ANY (ARRAY(SELECT id FROM doomed))
), archived AS (
    UPDATE {{messages}} SET archived_at = statement_timestamp()
    WHERE id BETWEEN $8 AND $9 AND id = ANY (ARRAY(SELECT id FROM decided WHERE archives))
)"""  # noqa: S608 - constants

_DRY = _DECIDE + _TELL.replace("{", "{{").replace("}", "}}")
_REAL = _DECIDE + _ACT + _TELL.replace("{", "{{").replace("}", "}}")


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Messages sent before these moments leave the participants' view, and are deleted.

    Where a policy says otherwise, it counts from `moment`; `ordered` ones are the least it can be.
    """

    archive_before: datetime
    expire_before: datetime
    moment: datetime
    ordered: bool = False

    @property
    def parameters(self) -> tuple[datetime, datetime, datetime, bool]:
        """$1 to $4 of the statements in `retention_periods`."""
        return self.moment, self.archive_before, self.expire_before, self.ordered

    @property
    def periods(self) -> tuple[timedelta, timedelta, bool]:
        """What was asked for, whenever that was."""
        return (
            self.moment - self.archive_before,
            self.moment - self.expire_before,
            self.ordered,
        )


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch decided; `last` is where the next one goes on when `decided` met the limit."""

    decided: int
    archived: int
    expired: int
    held: int
    last: tuple[UUID, int] | None
    lines: bytes

    def through(self, conversation_id: UUID, seq: int) -> "BatchResult":
        """The same, with a cursor behind everything that the batch was asked about."""
        return replace(self, last=(conversation_id, seq))


async def run_batch(
    connection: asyncpg.Connection,
    run_id: UUID,
    month: Month,
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
        (_DRY if dry else _REAL).format(messages=month.messages, receipts=month.receipts),
        *cutoffs.parameters,
        conversation_ids,
        after_seq,
        limit,
        month.first_id,
        month.last_id,
        run_id,
    )
    last = (row["last_conversation_id"], row["last_seq"]) if row["decided"] else None
    return BatchResult(
        row["decided"], row["archived"], row["expired"], row["held"], last, row["lines"] or b""
    )
