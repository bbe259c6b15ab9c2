"""Archive expiry of a whole month at once: its partition is dropped, when nothing in it may stay.

Called by `expiry_session` before it goes through a month in batches. One transaction does it all:
the lines of the manifest are written and the keys of repeated sends deleted, page by page, which
takes long and is in nobody's way; then it enters the gate alone, asks once more for holds and
policies, and drops the month. A hold that has committed before keeps the month with all that
belongs to it, since nothing of this has happened then; one that comes later finds it gone.

The parent tables are locked for the moment of the drop alone. Where that lock is not to be had at
once, nobody is made to wait: after some attempts the month goes in batches like any other.
"""

import asyncio
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from parlor_kit import logs

from parlor_chat.usecases import expiry_runs
from parlor_chat.usecases.expiry_batch import LINE_MESSAGE, LINE_PLACE, BatchResult
from parlor_chat.usecases.expiry_months import Month
from parlor_chat.usecases.expiry_runs import ExpiryRun
from parlor_chat.usecases.expiry_traces import (
    forget_range,
    forget_retries,
    forget_retries_alone,
    forget_stragglers,
)
from parlor_chat.usecases.hold_coverage import COVERING, enter_gate_alone
from parlor_chat.usecases.retention_periods import CUTOFFS, LATEST_CUTOFFS

log = logs.get("archive_expiry")

_SECONDS = 3600
_PAGE = 10_000
_ATTEMPTS = 20
_PAUSE_SECONDS = 0.05

_NEWEST = "SELECT max(sent_at) FROM messages WHERE id BETWEEN $1 AND $2"

_HELD = f"""
WITH listed AS MATERIALIZED (
    SELECT array_agg(DISTINCT conversation_id) AS ids FROM messages WHERE id BETWEEN $1 AND $2
)
SELECT EXISTS ({COVERING.format(conversations="(SELECT ids FROM listed)::uuid[]")})
"""  # noqa: S608 - constants

_KEPT_LONGER = f"""
SELECT EXISTS (
    SELECT FROM ({
    CUTOFFS.format(
        conversations="SELECT DISTINCT conversation_id AS id FROM messages "
        "WHERE id BETWEEN $5::uuid AND $6::uuid"
    )
}) AS cutoffs WHERE $7::timestamptz >= cutoffs.expire_before
)
"""  # noqa: S608 - constants

_LIST = f"""
SELECT count(*) AS listed,
    (array_agg(conversation_id ORDER BY conversation_id DESC, seq DESC))[1] AS last_conversation_id,
    (array_agg(seq ORDER BY conversation_id DESC, seq DESC))[1] AS last_seq,
    convert_to(string_agg(
        concat('{{"action":"expired",', {LINE_PLACE}, {LINE_MESSAGE}), ''
        ORDER BY conversation_id, seq
    ), 'UTF8') AS lines
FROM page
"""  # noqa: S608 - constants

_PAGE_OF = """
WITH page AS MATERIALIZED (
    SELECT id, conversation_id, seq, sent_at, sender_id, client_message_id FROM messages
    WHERE id BETWEEN $1 AND $2 AND (conversation_id, seq) > ($3::uuid, $4::bigint)
    ORDER BY conversation_id, seq LIMIT $5
)"""

_DRY = _PAGE_OF + _LIST
_REAL = f"{_PAGE_OF}, {forget_retries('page')}{_LIST}"


@dataclass(frozen=True, slots=True)
class Gone:
    """A month that expired as a whole, with the state of the manifest after it."""

    expired: int
    next_number: int
    digest: Any


class WholeMonth:
    """One month that may expire as a whole, for one run on the session of the run."""

    def __init__(self, connection: asyncpg.Connection, run: ExpiryRun, month: Month) -> None:
        self._connection = connection
        self._run = run
        self._month = month
        self._span = (month.first_id, month.last_id)

    async def expire(self, number: int, digest: Any) -> Gone | None:
        """Drop it; None when something in it has to stay, and then nothing has happened."""
        if not await self._is_old() or await self._has_to_stay():
            return None
        if self._run.dry_run:
            return await self._list(number, digest.copy())
        try:
            async with self._connection.transaction():
                gone = await self._drop(number, digest.copy())
        except _Stays:
            log.info("archive_expiry.month_stays", month=str(self._month.month))
            return None
        log.info("archive_expiry.month_dropped", month=str(self._month.month))
        await self._connection.execute(forget_stragglers("$1", "$2"), *self._span, timeout=_SECONDS)
        return gone

    async def _is_old(self) -> bool:
        """Whether the month ended before anything of these days may expire."""
        cutoffs = self._run.cutoffs
        row = await self._connection.fetchrow(LATEST_CUTOFFS, *cutoffs.parameters)
        ends: datetime = await self._connection.fetchval(
            "SELECT month_begins($1)", self._month.next_month
        )
        return bool(ends + timedelta(days=1) <= row["expire_before"])

    async def _has_to_stay(self) -> bool:
        newest = await self._connection.fetchval(_NEWEST, *self._span, timeout=_SECONDS)
        if newest is None:
            return False
        if await self._connection.fetchval(_HELD, *self._span, timeout=_SECONDS):
            return True
        if not await self._connection.fetchval("SELECT EXISTS (SELECT FROM retention_policies)"):
            return bool(newest >= self._run.cutoffs.expire_before)
        return bool(
            await self._connection.fetchval(
                _KEPT_LONGER,
                *self._run.cutoffs.parameters,
                *self._span,
                newest,
                timeout=_SECONDS,
            )
        )

    async def _list(self, number: int, digest: Any) -> Gone | None:
        """Write the month's part of the manifest; None when the run is cancelled meanwhile."""
        run, connection = self._run, self._connection
        place: tuple[UUID, int] = (UUID(int=0), 0)
        expired = 0
        while True:
            row = await connection.fetchrow(
                _DRY if run.dry_run else _REAL, *self._span, *place, _PAGE, timeout=_SECONDS
            )
            listed = row["listed"]
            if not listed:
                return Gone(expired, number, digest)
            place = (row["last_conversation_id"], row["last_seq"])
            part = await asyncio.to_thread(zlib.compress, row["lines"], 1)
            if run.dry_run:
                result = BatchResult(listed, 0, listed, 0, place, b"")
                async with connection.transaction():
                    await expiry_runs.advance(connection, run.id, result, number=number, part=part)
            else:  # no savepoint a page: very many of them slow down everybody's snapshots
                await expiry_runs.write_part(connection, run.id, number, part)
            digest.update(row["lines"])
            expired, number = expired + listed, number + 1
            if await expiry_runs.cancel_requested(connection, run.id):
                return None

    async def _drop(self, number: int, digest: Any) -> Gone:
        run, connection = self._run, self._connection
        await forget_retries_alone(connection)
        gone = await self._list(number, digest)
        if gone is None:
            raise _Stays
        await enter_gate_alone(connection)
        if await self._has_to_stay():
            raise _Stays
        for statement in forget_range("$1", "$2"):
            await connection.execute(statement, *self._span, timeout=_SECONDS)
        result = BatchResult(gone.expired, 0, gone.expired, 0, None, b"")
        await expiry_runs.advance(
            connection, run.id, result, number=gone.next_number - 1, part=None, dropped=True
        )
        await self._drop_at_a_quiet_moment()
        return gone

    async def _drop_at_a_quiet_moment(self) -> None:
        for _ in range(_ATTEMPTS):
            try:
                async with self._connection.transaction():
                    await self._connection.execute(
                        "SELECT drop_message_month($1)", self._month.month
                    )
            except asyncpg.LockNotAvailableError:
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return
        raise _Stays


class _Stays(Exception):
    """Something in the month has to stay, or the month cannot be dropped now: roll back."""
