"""Looks up runs of archive expiry: how they stand, what they decided, what each hold kept.

Called by the admin routes, of a dry run (a preview) as of a real one. Never writes.
"""

import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from parlor_kit.database import Database
from parlor_kit.errors import NotFound
from parlor_kit.pages import decode_cursor, encode_cursor, id_in

from parlor_chat.usecases.expiry_runs import ExpiryRun

# Of so many parts a page of decisions is made at most, however rarely its filter fits.
_PARTS_A_PAGE = 50

_ONE = "SELECT * FROM archive_expiry_runs WHERE id = $1"

_PAGE = """
SELECT * FROM archive_expiry_runs WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2
"""

_PARTS = """
SELECT number, content FROM archive_expiry_chunks
WHERE run_id = $1 AND number >= $2::bigint ORDER BY number LIMIT $3
"""

_KEPT = """
SELECT kept_by.id, CASE WHEN hold.id IS NULL THEN 'case' ELSE 'hold' END AS kind,
    hold.matter, hold.released_at, kept_by.conversations, kept_by.messages, kept_by.oldest,
    kept_by.newest
FROM (
    SELECT by_hold.id, count(*) AS conversations, sum(kept.messages)::bigint AS messages,
        min(kept.oldest) AS oldest, max(kept.newest) AS newest
    FROM archive_expiry_kept kept CROSS JOIN LATERAL unnest(kept.hold_ids) AS by_hold (id)
    WHERE kept.run_id = $1 AND ($2::uuid IS NULL OR by_hold.id > $2)
    GROUP BY by_hold.id ORDER BY by_hold.id LIMIT $3
) AS kept_by LEFT JOIN holds hold ON hold.id = kept_by.id ORDER BY kept_by.id
"""


@dataclass(frozen=True, slots=True)
class KeptBy:
    """What would have gone, had it not been for this hold, or this case that is not closed."""

    id: UUID
    kind: str
    matter: str | None
    released_at: datetime | None
    conversations: int
    messages: int
    oldest: datetime
    newest: datetime


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """Which decisions to list; None lets all pass."""

    action: str | None = None
    conversation_id: UUID | None = None

    def fits(self, decision: dict[str, Any]) -> bool:
        wanted = self.conversation_id
        return self.action in (None, decision["action"]) and (
            wanted is None or decision["conversation_id"] == str(wanted)
        )


class ExpiryRuns:
    """Looks runs up, for admins."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def get(self, run_id: UUID) -> ExpiryRun:
        async with self.database.connection() as connection:
            row = await connection.fetchrow(_ONE, run_id)
        if row is None:
            raise NotFound("There is no such run")
        return ExpiryRun.of(row)

    async def any_open(self) -> bool:
        """Whether some run is under way, or was left open."""
        async with self.database.connection() as connection:
            return bool(
                await connection.fetchval(
                    "SELECT EXISTS (SELECT FROM archive_expiry_runs WHERE state = 'running')"
                )
            )

    async def page(self, limit: int, cursor: str | None) -> tuple[Sequence[ExpiryRun], str | None]:
        """Runs, newest first, and where the next page begins."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(_PAGE, id_in(cursor), limit + 1)
        runs = [ExpiryRun.of(row) for row in rows[:limit]]
        return runs, encode_cursor(runs[-1].id) if len(rows) > limit else None

    async def manifest(self, run_id: UUID) -> AsyncIterator[bytes]:
        """The manifest in parts, a few at a time in memory."""
        number = 0
        while rows := await self._parts(run_id, number, 8):
            number = rows[-1]["number"] + 1
            for row in rows:
                yield zlib.decompress(row["content"])

    async def decisions(
        self, run_id: UUID, limit: int, cursor: str | None, wanted: DecisionFilter
    ) -> tuple[list[dict[str, Any]], str | None]:
        """What the run decided, in the order of its manifest, and where the next page begins.

        A page may be short or empty though more follows, when the filter seldom fits.
        """
        run = await self.get(run_id)
        number, line = (0, 0) if cursor is None else decode_cursor(cursor, int, int)
        found: list[dict[str, Any]] = []
        parts = await self._parts(run.id, number, _PARTS_A_PAGE)
        for part in parts:
            lines = zlib.decompress(part["content"]).splitlines()
            for at in range(line if part["number"] == number else 0, len(lines)):
                if len(found) == limit:
                    return found, encode_cursor(part["number"], at)
                decision = orjson.loads(lines[at])
                if wanted.fits(decision):
                    found.append(decision)
        if len(parts) < _PARTS_A_PAGE:
            return found, None
        return found, encode_cursor(parts[-1]["number"] + 1, 0)

    async def kept(
        self, run_id: UUID, limit: int, cursor: str | None
    ) -> tuple[list[KeptBy], str | None]:
        """By hold or case, what it kept from the run, and where the next page begins."""
        await self.get(run_id)
        async with self.database.connection() as connection:
            rows = await connection.fetch(_KEPT, run_id, id_in(cursor), limit + 1)
        kept = [KeptBy(*row.values()) for row in rows[:limit]]
        return kept, encode_cursor(kept[-1].id) if len(rows) > limit else None

    async def _parts(self, run_id: UUID, number: int, limit: int) -> list[asyncpg.Record]:
        async with self.database.connection() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(_PARTS, run_id, number, limit)
        return rows
