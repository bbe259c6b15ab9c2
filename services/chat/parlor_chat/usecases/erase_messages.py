"""The worker's job: erases what an erased account wrote, and waits for what a hold or case keeps.

Two things happen to each message. It disappears for participants, held or not, by the version that
a deletion by its sender would have left: they see that something was there. And its text goes, with
every trace of it, unless something keeps its conversation; then it goes when that is over. The row
itself stays, without a word in it, so that the seqs of the others have no gap. What the account
leaves in a conversation beside its messages goes at the same time, see `erasure_traces`, also where
it never wrote one.

The gate of `hold_coverage` is entered for each batch of texts, as expiry does: a hold that commits
before is honoured, and one that comes meanwhile finds what is left.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from parlor_kit import logs
from parlor_kit.clock import now
from parlor_kit.database import Database

from parlor_chat.usecases import audit_trail, erasure_traces, expiry_traces, hold_coverage
from parlor_chat.usecases.audit_trail import Actor

log = logs.get("erasure")

_BATCH = 200
_LOOK_AGAIN = timedelta(minutes=1)
# A token of before lives for a quarter of an hour; what it could still start is found by then.
_UNREST = timedelta(hours=1)
_NEVER = timedelta(days=36_525)
_WORKER = Actor("chat", "service")

_DUE = """
UPDATE erasures SET due_at = clock_timestamp() + $1 WHERE account_id = (
    SELECT account_id FROM erasures WHERE due_at <= clock_timestamp()
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING account_id, state, learned_at
"""

_FIND = """
INSERT INTO erased_conversations (account_id, conversation_id, erased, kept)
SELECT user_id, conversation_id, 0, 0 FROM participants WHERE user_id = $1
ON CONFLICT (account_id, conversation_id) DO NOTHING
"""

_CONVERSATIONS = """
SELECT id, conversation_id, checked_at, kept_for FROM erased_conversations
WHERE account_id = $1 AND id > $2
    AND (checked_at IS NULL OR kept > 0 OR kept_for IS NOT NULL OR $3)
ORDER BY id LIMIT 100
"""

_LOCK = "SELECT event_seq FROM conversations WHERE id = $1 FOR NO KEY UPDATE"

_HIDE = """
WITH shown AS (
    SELECT message.id, coalesce(
        (SELECT max(version) FROM message_versions WHERE message_id = message.id), 1
    ) AS version, row_number() OVER (ORDER BY message.seq) AS place
    FROM messages message
    WHERE message.conversation_id = $1 AND message.sender_id = $2 AND NOT EXISTS (
        SELECT FROM message_versions WHERE message_id = message.id AND kind <> 'edited'
    ) ORDER BY message.seq LIMIT $3
), counted AS (
    UPDATE conversations SET event_seq = event_seq + (SELECT count(*) FROM shown)
    WHERE id = $1 RETURNING event_seq
), hidden AS (
    INSERT INTO message_versions
        (message_id, version, conversation_id, event_seq, kind, body, by_user_id, at)
    SELECT id, version + 1, $1, $4 + place, 'deleted', NULL, $2, clock_timestamp() FROM shown
    RETURNING 1
) SELECT count(*) FROM hidden
"""

_KEEPING = f"""
SELECT covering.hold_id AS id, hold.matter,
    CASE WHEN hold.id IS NULL THEN 'case' WHEN hold.released_at IS NULL THEN 'legal_hold'
        ELSE 'release_grace' END AS kind
FROM ({hold_coverage.COVERING.format(conversations="ARRAY[$1::uuid]")}) AS covering
LEFT JOIN holds hold ON hold.id = covering.hold_id ORDER BY covering.hold_id
"""  # noqa: S608 - a constant

_SILENCE = """
WITH written AS MATERIALIZED (
    SELECT id, conversation_id, sender_id, client_message_id FROM messages
    WHERE conversation_id = $1 AND sender_id = $2 AND body <> '' ORDER BY seq LIMIT $3
), silenced AS (
    UPDATE messages SET body = '', client_message_id = NULL
    WHERE id = ANY (ARRAY(SELECT id FROM written)) RETURNING 1
), unedited AS (
    UPDATE message_versions SET body = ''
    WHERE message_id = ANY (ARRAY(SELECT id FROM written)) AND body IS NOT NULL
), unfound AS (
    DELETE FROM message_search WHERE message_id = ANY (ARRAY(SELECT id FROM written))
), client_keys AS (
    DELETE FROM message_keys USING written
    WHERE message_keys.conversation_id = $1 AND message_keys.sender_id = $2
        AND message_keys.kind = 'client' AND message_keys.key = written.client_message_id
), keys AS (
    DELETE FROM message_keys
    WHERE kind = 'idempotency' AND message_id = ANY (ARRAY(SELECT id FROM written))
), answers AS (
    DELETE FROM idempotency_records WHERE object_id = ANY (ARRAY(SELECT id FROM written))
) SELECT count(*) FROM silenced
"""

# `kept_for` is there as long as something is kept, be it no message.
_CHECKED = f"""
UPDATE erased_conversations erased SET checked_at = $2, erased = counted.erased,
    kept = counted.kept,
    kept_for = CASE WHEN counted.kept > 0 OR {erasure_traces.REMAINS} THEN $3::text END
FROM (
    SELECT count(*) FILTER (WHERE message.body = '') AS erased,
        count(*) FILTER (WHERE message.body <> '') AS kept
    FROM erased_conversations row JOIN messages message
        ON message.conversation_id = row.conversation_id AND message.sender_id = row.account_id
    WHERE row.id = $1
) AS counted WHERE id = $1
"""  # noqa: S608 - constants

_TICKETS = "DELETE FROM socket_tickets WHERE user_id = $1"

_SUM = """
SELECT coalesce(sum(erased), 0)::bigint AS erased, coalesce(sum(kept), 0)::bigint AS kept,
    count(*) AS conversations, count(*) FILTER (WHERE kept > 0 OR kept_for IS NOT NULL) AS keeping
FROM erased_conversations WHERE account_id = $1
"""

_SWEPT = """
UPDATE erasures SET state = $2, swept_at = $3, due_at = $4,
    finished_at = CASE WHEN $2 = 'erased' THEN coalesce(finished_at, $3) END
WHERE account_id = $1
"""


class EraseMessages:
    """See the module."""

    def __init__(self, database: Database, *, batch: int = _BATCH) -> None:
        self._database = database
        self._batch = batch

    async def __call__(self) -> None:
        """Sweep after every account whose turn it is."""
        while True:
            async with self._database.connection() as connection:
                due = await connection.fetchrow(_DUE, _LOOK_AGAIN)
            if due is None:
                return
            await self._sweep(due["account_id"], due["state"], restless=_is_restless(due))

    async def _sweep(self, account_id: UUID, state: str, *, restless: bool) -> None:
        async with self._database.transaction() as transaction:
            await transaction.connection.execute(_FIND, account_id)
            await transaction.connection.execute(_TICKETS, account_id)
        last = 0
        while True:
            async with self._database.connection() as connection:
                rows = await connection.fetch(_CONVERSATIONS, account_id, last, restless)
            for row in rows:
                await self._conversation(account_id, row, anew=restless)
            if not rows:
                break
            last = rows[-1]["id"]
        await self._settle(account_id, state, restless=restless)

    async def _conversation(self, account_id: UUID, row: asyncpg.Record, *, anew: bool) -> None:
        """Hide all of it, and erase what nothing keeps. Where nothing has changed, look no more."""
        conversation_id = row["conversation_id"]
        anew = anew or row["checked_at"] is None
        while anew and await self._hide(account_id, conversation_id) == self._batch:
            pass
        async with self._database.connection() as connection:
            keeping = await connection.fetch(_KEEPING, conversation_id)
        if not anew and keeping and _told(keeping) == row["kept_for"]:
            return
        while not keeping:
            gone, keeping = await self._silence(account_id, conversation_id)
            if gone < self._batch:
                break
        async with self._database.connection() as connection:
            await connection.execute(_CHECKED, row["id"], now(), _told(keeping))

    async def _hide(self, account_id: UUID, conversation_id: UUID) -> int:
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            event_seq = await connection.fetchval(_LOCK, conversation_id)
            if event_seq is None:
                return 0
            return int(
                await connection.fetchval(
                    _HIDE, conversation_id, account_id, self._batch, event_seq
                )
            )

    async def _silence(
        self, account_id: UUID, conversation_id: UUID
    ) -> tuple[int, list[asyncpg.Record]]:
        """One batch of texts goes, unless something has come to keep them."""
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            await expiry_traces.forget_retries_alone(connection)
            await hold_coverage.enter_gate_alone(connection)
            await connection.fetchval(_LOCK, conversation_id)
            keeping = await connection.fetch(_KEEPING, conversation_id)
            if keeping:
                return 0, keeping
            gone = await connection.fetchval(_SILENCE, conversation_id, account_id, self._batch)
            if gone < self._batch:
                for statement in erasure_traces.FORGET:
                    await connection.execute(statement, conversation_id, account_id)
            return gone, []

    async def _settle(self, account_id: UUID, before: str, *, restless: bool) -> None:
        moment = now()
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            total = await connection.fetchrow(_SUM, account_id)
            state = "kept" if total["keeping"] else "erased"
            again = _LOOK_AGAIN if total["keeping"] or restless else _NEVER
            await connection.execute(_SWEPT, account_id, state, moment, moment + again)
            if state != before:
                await audit_trail.record(
                    connection,
                    "account.partly_erased" if total["keeping"] else "account.erased",
                    _WORKER,
                    user_id=account_id,
                    details=dict(total),
                )
        log.info("erasure.swept", account_id=str(account_id), state=state, **dict(total))


def _told(keeping: Sequence[asyncpg.Record]) -> str | None:
    """What keeps a conversation, as its row has it."""
    kept_for = [
        {name: str(value) for name, value in dict(row).items() if value is not None}
        for row in keeping
    ]
    return orjson.dumps(kept_for).decode() if kept_for else None


def _is_restless(due: Any) -> bool:
    return bool(now() - due["learned_at"] < _UNREST)
