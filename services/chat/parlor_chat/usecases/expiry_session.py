"""The database session of one archive-expiry run: its lock, and its months and batches in order.

Made by `run_archive_expiry`. The lock belongs to the session, so it goes when the process goes, and
two replicas can never run at once. What it has done is committed with its place, so whoever takes
the run up goes on where it was left. Months go from the oldest on, each as a whole where nothing in
it has to stay, else in batches by conversation; the plan of a month is a cursor that PostgreSQL
keeps, so memory stays flat on both sides however much there is to expire.
"""

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self
from uuid import UUID

import asyncpg
from parlor_kit.database import Database, gone_is_unavailable

from parlor_chat.retention_errors import RunInProgress
from parlor_chat.retention_models import RunState
from parlor_chat.signing import Signer
from parlor_chat.usecases import expiry_manifests, expiry_runs
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.expiry_batch import BatchResult, run_batch
from parlor_chat.usecases.expiry_month import WholeMonth
from parlor_chat.usecases.expiry_months import Month, all_months
from parlor_chat.usecases.expiry_runs import EVERYTHING, ExpiryRun
from parlor_chat.usecases.retention_periods import LATEST_CUTOFFS

_RUN_LOCK = 0x45585052  # "EXPR": one run a database
_PLAN_SECONDS = 3600
_PLAN_PAGE = 1000

_PLAN = """
DECLARE expiry_plan CURSOR WITH HOLD FOR
SELECT conversation_id, count(*) AS messages, sum(count(*)) OVER ()::bigint AS planned
FROM {messages}
WHERE id BETWEEN $1 AND $2
    AND (archived_at IS NULL AND sent_at < $3 OR sent_at < $4)
    AND ($5::uuid[] IS NULL OR conversation_id = ANY ($5))
    AND (conversation_id, seq) > ($6::uuid, $7::bigint)
GROUP BY conversation_id ORDER BY conversation_id
"""

# The statistics of a table that shrinks under us are always behind: go by index, whatever they say.
_BY_INDEX = """
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off;
SET enable_bitmapscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan
"""

_AS_USUAL = """
RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_seqscan; RESET enable_bitmapscan
"""


class ExpirySession:
    """A session that holds the lock of runs until it is closed."""

    def __init__(self, connection: asyncpg.Connection, signer: Signer, batch_messages: int) -> None:
        self._connection = connection
        self._signer = signer
        self._batch_messages = batch_messages
        self._digest: Any = hashlib.sha256()
        self._number = 0

    @classmethod
    async def open(cls, database: Database, signer: Signer, *, batch_messages: int) -> Self:
        """Take the lock.

        Raises:
            RunInProgress: another session has it.
        """
        connection = await database.connect()
        try:
            async with gone_is_unavailable():
                if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _RUN_LOCK):
                    raise RunInProgress()
        except BaseException:
            connection.terminate()
            raise
        return cls(connection, signer, batch_messages)

    async def left_open(self) -> ExpiryRun | None:
        """The run that a dead process left, taken up by this session."""
        async with gone_is_unavailable():
            return await expiry_runs.take_up(self._connection)

    async def run(self, run: ExpiryRun, actor: Actor) -> ExpiryRun:
        """Do what is left of the run, and end it; on a fault it stays as it is, to be taken up."""
        async with gone_is_unavailable():
            self._number = run.next_number
            await self._read_back(run.id)
            try:
                await self._expire(run)
            except _Cancelled:
                await self._read_back(run.id)
                return await self._end(run, RunState.CANCELLED, actor)
            return await self._end(run, RunState.FINISHED, actor)

    async def give_up(self, run: ExpiryRun, actor: Actor) -> ExpiryRun:
        """End a run that nobody can finish, or wants to; it tells of what it had committed."""
        cancelled = run.cancel_requested_at is not None
        async with gone_is_unavailable():
            await self._read_back(run.id)
            state = RunState.CANCELLED if cancelled else RunState.INTERRUPTED
            return await self._end(run, state, actor)

    async def close(self) -> None:
        """Give the lock back."""
        self._connection.terminate()

    async def _read_back(self, run_id: UUID) -> None:
        self._digest = hashlib.sha256()
        async for part in expiry_runs.written(self._connection, run_id):
            self._digest.update(part)

    async def _end(self, run: ExpiryRun, state: RunState, actor: Actor) -> ExpiryRun:
        return await expiry_manifests.end(
            self._connection, run.id, state, self._digest.hexdigest(), actor, self._signer
        )

    async def _expire(self, run: ExpiryRun) -> None:
        months = await all_months(self._connection)
        place, conversation_id, seq = run.cursor or (months[0].place, None, 0)
        months = [month for month in months if month.place >= place]
        await self._connection.execute(_BY_INDEX)
        for number, month in enumerate(months):
            await self._go_on(run)
            resumed = conversation_id if month.place == place else None
            await expiry_runs.enter(self._connection, run, month, len(months) - number)
            if resumed is None and run.conversation_ids is None and month.month is not None:
                whole = WholeMonth(self._connection, run, month)
                gone = await whole.expire(self._number, self._digest)
                if gone is not None:
                    self._number, self._digest = gone.next_number, gone.digest
                    continue
            await self._go_on(run)
            after = (UUID(int=0), 0) if resumed is None else (resumed, seq)
            await self._expire_in_batches(run, month, after)

    async def _go_on(self, run: ExpiryRun) -> None:
        if await expiry_runs.cancel_requested(self._connection, run.id):
            raise _Cancelled

    async def _expire_in_batches(
        self, run: ExpiryRun, month: Month, after: tuple[UUID, int]
    ) -> None:
        conversation_id, seq = after
        async for conversation_ids in self._plan(run, month, after):
            after_seq = seq if conversation_ids[0] == conversation_id else 0
            await self._expire_group(run, month, conversation_ids, after_seq)

    async def _plan(
        self, run: ExpiryRun, month: Month, after: tuple[UUID, int]
    ) -> AsyncIterator[list[UUID]]:
        """Conversations in order of id, as many at a time as fill a batch."""
        latest = await self._connection.fetchrow(LATEST_CUTOFFS, *run.cutoffs.parameters)
        await self._connection.execute(_AS_USUAL)
        await self._connection.execute(
            _PLAN.format(messages=month.messages),
            month.first_id,
            month.last_id,
            latest["archive_before"],
            latest["expire_before"],
            run.conversation_ids,
            *after,
            timeout=_PLAN_SECONDS,
        )
        await self._connection.execute(_BY_INDEX)
        group: list[UUID] = []
        messages = 0
        planned = False
        while rows := await self._connection.fetch(f"FETCH {_PLAN_PAGE} FROM expiry_plan"):
            if not planned:
                planned = True
                await expiry_runs.plan(self._connection, run.id, rows[0]["planned"])
            for row in rows:
                group.append(row["conversation_id"])
                messages += row["messages"]
                if messages >= self._batch_messages:
                    yield group
                    group, messages = [], 0
        if group:
            yield group
        await self._connection.execute("CLOSE expiry_plan")

    async def _expire_group(
        self, run: ExpiryRun, month: Month, conversation_ids: Sequence[UUID], after_seq: int
    ) -> None:
        """One batch, or several when a conversation alone has more messages than a batch takes."""
        while True:
            result = await self._batch(run, month, conversation_ids, after_seq)
            if result.last is None or result.decided < self._batch_messages:
                return
            conversation_id, after_seq = result.last
            conversation_ids = conversation_ids[conversation_ids.index(conversation_id) :]

    async def _batch(
        self, run: ExpiryRun, month: Month, conversation_ids: Sequence[UUID], after_seq: int
    ) -> BatchResult:
        async with self._connection.transaction():
            result = await run_batch(
                self._connection,
                run.id,
                month,
                conversation_ids,
                after_seq=after_seq,
                cutoffs=run.cutoffs,
                limit=self._batch_messages,
                dry=run.dry_run,
            )
            if result.decided < self._batch_messages:  # all of them are done
                result = result.through(conversation_ids[-1], EVERYTHING)
            if result.decided:
                part = await asyncio.to_thread(zlib.compress, result.lines, 1)
                await expiry_runs.advance(
                    self._connection, run.id, result, number=self._number, part=part
                )
        if result.decided:
            self._number += 1
            self._digest.update(result.lines)
        await self._go_on(run)
        return result


class _Cancelled(Exception):
    """Somebody asked the run to stop."""
