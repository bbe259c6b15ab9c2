"""Follow a game: its stream of events and its snapshots, as the live sockets ask for them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from parlor_kit.database import Database
from parlor_kit.errors import NotFound
from parlor_kit.hub import Missed, Position, StreamEvent

from parlor_game.frames import stream_event
from parlor_game.table import stored
from parlor_game.usecases.load_table import Tables

# Every spectator to the hub: nobody at a table has this id, so nothing private is ever theirs.
SPECTATOR = UUID(int=0)

_READ = """
SELECT seq, at, type, public, private FROM game_events
WHERE game_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""
_LOOK = """
SELECT g.id, g.seq FROM unnest($1::uuid[], $2::bigint[]) AS known (id, seq)
JOIN games g ON g.id = known.id AND g.seq > known.seq
UNION ALL
SELECT user_id, NULL FROM disabled_accounts WHERE user_id = ANY ($3::uuid[]) AND disabled
"""


class GameStreams:
    """The hub's source: every event of a game is kept, so a resume is always complete."""

    def __init__(self, database: Database, tables: Tables) -> None:
        self._database = database
        self._tables = tables

    async def look(self, known: Mapping[UUID, int], viewers: Collection[UUID]) -> Missed:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_LOOK, list(known), list(known.values()), list(viewers))
        return Missed(
            moved={row["id"]: row["seq"] for row in rows if row["seq"] is not None},
            shut_out=[row["id"] for row in rows if row["seq"] is None],
        )

    async def position(self, stream_id: UUID, since: int) -> Position | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow("SELECT epoch, seq FROM games WHERE id = $1", stream_id)
        return Position(row["epoch"], row["seq"], complete=True) if row else None

    async def read(self, stream_id: UUID, after: int, limit: int) -> Sequence[StreamEvent]:
        table = await self._tables.get(stream_id)
        if table is None:
            return ()
        async with self._database.connection() as connection:
            rows = await connection.fetch(_READ, stream_id, after, limit)
        return [
            stream_event(
                row["seq"],
                row["at"],
                stored(row["type"], row["public"], row["private"]),
                table.players,
            )
            for row in rows
        ]

    async def snapshot(self, stream_id: UUID, viewer: UUID) -> tuple[int, Mapping[str, Any]]:
        standing = await self._tables.standing(stream_id)
        seat = standing.table.seat_of(viewer) if standing else None
        if standing is None or (seat is None and viewer != SPECTATOR):
            raise NotFound()
        return standing.seq, standing.view(seat)
