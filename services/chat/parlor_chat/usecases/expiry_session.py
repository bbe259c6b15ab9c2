"""The database session of one archive-expiry run: its lock, its plan, and its batches in order.

Made by `run_archive_expiry`. The lock belongs to the session, so it goes when the process goes, and
two replicas can never run at once. The plan is a cursor that PostgreSQL keeps, sorted by
conversation; memory stays flat on both sides however much there is to expire.
"""

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Self
from uuid import UUID

import asyncpg
from parlor_kit.database import Database, gone_is_unavailable

from parlor_chat.retention_errors import RunInProgress
from parlor_chat.retention_models import RunState
from parlor_chat.usecases import expiry_runs
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.expiry_batch import BatchResult, run_batch
from parlor_chat.usecases.expiry_runs import ExpiryRun

_RUN_LOCK = 0x45585052  # "EXPR": one run a database
_PLAN_SECONDS = 3600
_PLAN_PAGE = 1000

_PLAN = """
DECLARE expiry_plan CURSOR WITH HOLD FOR
SELECT conversation_id, count(*) AS messages FROM messages
WHERE sent_at < $1 AND (archived_at IS NULL OR sent_at < $2)
    AND ($3::uuid[] IS NULL OR conversation_id = ANY ($3))
GROUP BY conversation_id ORDER BY conversation_id
"""

# The statistics of a table that shrinks under us are always behind: go by index, whatever they say.
_BY_INDEX = """
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off;
SET enable_bitmapscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan
"""


class ExpirySession:
    """A session that holds the lock of runs until it is closed."""

    def __init__(self, connection: asyncpg.Connection, batch_messages: int) -> None:
        self._connection = connection
        self._batch_messages = batch_messages
        self._digest = hashlib.sha256()
        self._number = 0

    @classmethod
    async def open(cls, database: Database, *, batch_messages: int) -> Self:
        """Take the lock and end what a dead run left open.

        Raises:
            RunInProgress: another session has the lock.
        """
        connection = await database.connect()
        try:
            async with gone_is_unavailable():
                if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _RUN_LOCK):
                    raise RunInProgress()
                await expiry_runs.close_abandoned(connection)
        except BaseException:
            connection.terminate()
            raise
        return cls(connection, batch_messages)

    async def run(self, run: ExpiryRun, actor: Actor) -> ExpiryRun:
        """Do every batch and end the run; on the way out of a fault, end it as interrupted."""
        try:
            async with gone_is_unavailable():
                async for conversation_ids in self._plan(run):
                    await self._expire(run, conversation_ids)
                return await expiry_runs.end(
                    self._connection,
                    run.id,
                    RunState.FINISHED,
                    self._digest.hexdigest(),
                    actor,
                )
        except BaseException:
            # Where the session is gone as well, the next run ends the row.
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await expiry_runs.interrupt(self._connection, run.id, actor)
            raise

    async def close(self) -> None:
        """Give the lock back."""
        self._connection.terminate()

    async def _plan(self, run: ExpiryRun) -> AsyncIterator[list[UUID]]:
        """Conversations in order of id, as many at a time as fill a batch."""
        await self._connection.execute(
            _PLAN,
            run.cutoffs.archive_before,
            run.cutoffs.expire_before,
            run.conversation_ids,
            timeout=_PLAN_SECONDS,
        )
        await self._connection.execute(_BY_INDEX)
        group: list[UUID] = []
        messages = 0
        while rows := await self._connection.fetch(f"FETCH {_PLAN_PAGE} FROM expiry_plan"):
            for row in rows:
                group.append(row["conversation_id"])
                messages += row["messages"]
                if messages >= self._batch_messages:
                    yield group
                    group, messages = [], 0
        if group:
            yield group

    async def _expire(self, run: ExpiryRun, conversation_ids: Sequence[UUID]) -> None:
        """One batch, or several when a conversation alone has more messages than a batch takes."""
        after_seq = 0
        while True:
            result = await self._batch(run, conversation_ids, after_seq)
            if result.last is None or result.decided < self._batch_messages:
                return
            conversation_id, after_seq = result.last
            conversation_ids = conversation_ids[conversation_ids.index(conversation_id) :]

    async def _batch(
        self, run: ExpiryRun, conversation_ids: Sequence[UUID], after_seq: int
    ) -> BatchResult:
        async with self._connection.transaction():
            result = await run_batch(
                self._connection,
                conversation_ids,
                after_seq=after_seq,
                cutoffs=run.cutoffs,
                limit=self._batch_messages,
                dry=run.dry_run,
            )
            if result.decided:
                part = await asyncio.to_thread(zlib.compress, result.lines, 1)
                await expiry_runs.advance(self._connection, run.id, self._number, result, part)
        if result.decided:
            self._number += 1
            self._digest.update(result.lines)
        return result
