"""Get a table: from memory if it is there, else rebuilt from its seed and its move log.

Every other use case that looks at a game asks here. A cached table may lag behind the database
when another replica has moved; `standing` never does. Nothing else reads the seeds of a game that
goes on.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

import asyncpg
import orjson
from parlor_kit.database import Database
from parlor_rules.catalog import GAMES
from parlor_rules.move_log import applied
from parlor_rules.protocol import AnyGame, Json

from parlor_game import table_options, turn_clock
from parlor_game.table import Table
from parlor_game.turn_clock import TurnClock

_TRIES = 20
# A long log is applied in pieces, so that others are served meanwhile.
_PIECE = 200

_STANDING = """
SELECT g.id, g.game, g.options, g.epoch, g.seq, g.move_seq, g.move_count,
    encode(sha256(g.server_seed), 'hex') AS commitment, g.head,
    g.turn_ms, g.deadline, g.unattended,
    seats.players, seats.connected, seats.reconnect_by, seats.reserves_ms
FROM games g, LATERAL (
    SELECT array_agg(p.user_id ORDER BY p.seat) AS players,
        array_agg(p.connected ORDER BY p.seat) AS connected,
        array_agg(p.reconnect_by ORDER BY p.seat) AS reconnect_by,
        array_agg(p.reserve_ms ORDER BY p.seat) AS reserves_ms
    FROM game_players p WHERE p.game_id = g.id
) AS seats
"""
STANDING = _STANDING + "WHERE g.id = $1"
_STANDINGS = _STANDING + "WHERE g.id = ANY($1::uuid[])"
_SECRETS = "SELECT id, seed, server_seed FROM games WHERE id = ANY($1::uuid[])"
_MOVES = """
SELECT seat, play FROM game_moves
WHERE game_id = $1 AND number > $2 AND number <= $3 ORDER BY number
"""
_MOVES_OF_MANY = """
SELECT m.game_id, m.seat, m.play
FROM unnest($1::uuid[], $2::int[]) AS known(game_id, number)
JOIN game_moves m ON m.game_id = known.game_id AND m.number > known.number
ORDER BY m.game_id, m.number
"""

Log = Sequence[tuple[int, Json]]


@dataclass(frozen=True, slots=True)
class Standing:
    """A table with what the database said of it in the same instant."""

    table: Table
    seq: int
    connected: tuple[bool, ...]
    reconnect_by: tuple[datetime | None, ...]
    unattended: int = 0  # moves in a row that were not a player's own

    def view(self, seat: int | None) -> Json:
        """What this seat may see of it; None is a spectator."""
        return self.table.view(seat, self.seq, self.connected, self.reconnect_by)


@dataclass(frozen=True, slots=True)
class Found:
    """A game as the database has it, and what is needed to make its table."""

    game_id: UUID
    row: asyncpg.Record
    known: Table | None  # not ahead of the row
    secret: asyncpg.Record | None = field(repr=False)  # of a game whose table is not known
    log: Log = field(repr=False)  # the moves that the known table lacks


class Tables:
    """The tables that this process holds, the least recently used leave first."""

    def __init__(self, database: Database, *, capacity: int = 4096) -> None:
        self._database = database
        self._capacity = capacity
        self._tables: OrderedDict[UUID, Table] = OrderedDict()
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    def lock(self, game_id: UUID) -> asyncio.Lock:
        """Held while a play of the game is decided and committed: one at a time a process."""
        lock = self._locks.get(game_id)
        if lock is None:
            lock = self._locks[game_id] = asyncio.Lock()
        return lock

    def keep(self, table: Table) -> None:
        """Remember a table that is committed, unless a later one is known."""
        known = self._tables.get(table.game_id)
        if known is None or known.move_count < table.move_count:
            self._tables[table.game_id] = table
        self._tables.move_to_end(table.game_id)
        if len(self._tables) > self._capacity:
            self._tables.popitem(last=False)

    async def get(self, game_id: UUID) -> Table | None:
        """The table as this process knows it: it may lag behind, and never runs ahead."""
        table = self._tables.get(game_id)
        if table is not None:
            return table
        standing = await self.standing(game_id)
        return standing.table if standing else None

    async def standing(self, game_id: UUID) -> Standing | None:
        """The table as the database has it now."""
        async with self._database.connection() as connection:
            for _ in range(_TRIES):
                row = await connection.fetchrow(STANDING, game_id)
                if row is None:
                    return None
                table = await self._table_at(connection, game_id, row)
                if table is not None:
                    return _standing(table, row)
            # Memory stays ahead of the database: that has lost commits, and what it says counts.
            table = self._tables[game_id] = await rebuild(connection, game_id, row)
        return _standing(table, row)

    async def find(self, connection: asyncpg.Connection, game_ids: Sequence[UUID]) -> list[Found]:
        """Games whose rows the caller has locked, so that they stand still; all at once."""
        rows = await connection.fetch(_STANDINGS, game_ids)
        known: dict[UUID, Table] = {}
        lacking: dict[UUID, int] = {}
        for row in rows:
            table = self._tables.get(row["id"])
            if table is not None and table.move_count <= row["move_count"]:
                known[row["id"]] = table
            if table is None or table.move_count != row["move_count"]:
                lacking[row["id"]] = known[row["id"]].move_count if row["id"] in known else 0
        secrets, logs = await _lacking(connection, lacking, known)
        return [
            Found(game_id, row, known.get(game_id), secrets.get(game_id), logs.get(game_id, ()))
            for row in rows
            if (game_id := row["id"])
        ]

    async def standing_from(self, found: Found) -> Standing:
        """The table that was found, as it stands."""
        if found.known is not None:
            table = await _moved_on(found.known, found.row, found.log)
        else:
            table = await _replayed(found.game_id, found.row, found.secret, found.log)
        self._tables[found.game_id] = table
        self.keep(table)
        return _standing(table, found.row)

    async def _table_at(
        self, connection: asyncpg.Connection, game_id: UUID, row: asyncpg.Record
    ) -> Table | None:
        """The table at the row's move count, or None when memory has moved past it meanwhile."""
        known = self._tables.get(game_id)
        if known is not None and known.move_count == row["move_count"]:
            if known.clock.deadline != row["deadline"]:  # it stood still for an outage
                known = self._tables[game_id] = replace(known, clock=_clock(row))
            self.keep(known)
            return known
        if known is not None and known.move_count > row["move_count"]:
            return None
        if known is None:
            table = await rebuild(connection, game_id, row)
        else:
            table = await _caught_up(connection, known, row)
        self.keep(table)
        return table


async def rebuild(connection: asyncpg.Connection, game_id: UUID, row: asyncpg.Record) -> Table:
    """The table at the row's move count, from the seed and the log alone."""
    secret = await connection.fetchrow(_SECRETS, [game_id])
    log = await _log(connection, game_id, 0, row["move_count"])
    return await _replayed(game_id, row, secret, log)


async def state_after(game: AnyGame, state: Any, log: Iterable[tuple[int, Json]]) -> Any:
    """The state of the rules after these moves, however many they are."""
    for number, (seat, body) in enumerate(log, start=1):
        state = applied(game, state, seat, body).state
        if number % _PIECE == 0:
            await asyncio.sleep(0)
    return state


async def _replayed(
    game_id: UUID, row: asyncpg.Record, secret: asyncpg.Record | None, log: Log
) -> Table:
    assert secret is not None  # noqa: S101 -- it is read with every row whose table is not known
    game = GAMES[row["game"]]
    players: Sequence[UUID] = row["players"]
    options = table_options.for_rules(orjson.loads(row["options"]))
    dealt = game.deal(secret["seed"], len(players), options)
    return Table(
        game_id=game_id,
        game=game,
        epoch=row["epoch"],
        players=tuple(players),
        state=await state_after(game, dealt, log),
        move_count=row["move_count"],
        move_seq=row["move_seq"],
        commitment=row["commitment"],
        head=row["head"],
        secret=secret["server_seed"],
        clock=_clock(row),
    )


def _standing(table: Table, row: asyncpg.Record) -> Standing:
    return Standing(
        table, row["seq"], tuple(row["connected"]), tuple(row["reconnect_by"]), row["unattended"]
    )


def _clock(row: asyncpg.Record) -> TurnClock:
    options = table_options.stored(orjson.loads(row["options"]))
    return turn_clock.stored(options, row["turn_ms"], row["reserves_ms"], row["deadline"])


async def _caught_up(connection: asyncpg.Connection, known: Table, row: asyncpg.Record) -> Table:
    """The table after what other replicas have moved since we looked."""
    log = await _log(connection, known.game_id, known.move_count, row["move_count"])
    return await _moved_on(known, row, log)


async def _moved_on(known: Table, row: asyncpg.Record, log: Log) -> Table:
    return replace(
        known,
        state=await state_after(known.game, known.state, log),
        move_count=row["move_count"],
        move_seq=row["move_seq"],
        head=row["head"],
        clock=_clock(row),
    )


async def _lacking(
    connection: asyncpg.Connection, lacking: dict[UUID, int], known: Container[UUID]
) -> tuple[dict[UUID, asyncpg.Record], dict[UUID, list[tuple[int, Json]]]]:
    """Secrets of games that are not known, and the moves after those that are, by game."""
    logs: dict[UUID, list[tuple[int, Json]]] = {game_id: [] for game_id in lacking}
    if not lacking:
        return {}, logs
    numbers = list(lacking.values())
    for row in await connection.fetch(_MOVES_OF_MANY, list(lacking), numbers):
        logs[row["game_id"]].append((row["seat"], orjson.loads(row["play"])))
    new = [game_id for game_id in lacking if game_id not in known]
    secrets = await connection.fetch(_SECRETS, new) if new else ()
    return {row["id"]: row for row in secrets}, logs


async def _log(
    connection: asyncpg.Connection, game_id: UUID, after: int, last: int
) -> list[tuple[int, Json]]:
    rows = await connection.fetch(_MOVES, game_id, after, last)
    return [(row["seat"], orjson.loads(row["play"])) for row in rows]
