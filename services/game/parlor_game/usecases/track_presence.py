"""Track who is at the table: a player is connected while any replica holds a socket of theirs.

The socket route tells of each socket's beginning and end. Connections belong to a replica, whose
lease a job of the api process renews; when a replica dies, the worker sweeps what it held. The
change of a player's state is an event of the game's stream, written under the game's lock.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import asyncpg
from parlor_kit import logs
from parlor_kit.clock import now
from parlor_kit.database import Database
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.hub import Hub
from parlor_kit.ids import new_id
from parlor_kit.tracing import current

log = logs.get("presence")

# The window of one who leaves is not to be prolonged by an outage before it.
_SETTLE = """
SELECT settle_presence($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) FROM catch_up_game_clock()
"""
_LEASE = """
INSERT INTO game_replicas (id, leased_until) VALUES ($1, $2)
ON CONFLICT (id) DO UPDATE SET leased_until = excluded.leased_until RETURNING (xmax = 0)
"""


class Presence:
    """The connections of this process."""

    def __init__(
        self, database: Database, hub: Hub, *, lease_seconds: float, window: timedelta
    ) -> None:
        self._database = database
        self._hub = hub
        self._window = window
        self._lease = timedelta(seconds=lease_seconds)
        self._replica = new_id()
        self._connections: dict[UUID, tuple[UUID, UUID]] = {}
        self._ended: dict[UUID, tuple[UUID, UUID]] = {}  # and not yet written
        self._ending: set[asyncio.Task[None]] = set()

    async def renew(self) -> None:
        """Renew the lease, and write what could not be written when a socket ended.

        If the sweep took us for dead, say again who is here.
        """
        async with self._database.connection() as connection:
            fresh = await connection.fetchval(_LEASE, self._replica, now() + self._lease)
        if fresh:
            for connection_id, (game_id, user_id) in tuple(self._connections.items()):
                await self._settle(connection_id, game_id, user_id)
        for connection_id in tuple(self._ended):
            await self._end(connection_id)

    @asynccontextmanager
    async def present(self, game_id: UUID, user_id: UUID) -> AsyncIterator[None]:
        """The player has a socket here, for as long as the block lasts."""
        connection_id = new_id()
        self._connections[connection_id] = (game_id, user_id)
        try:
            await self._settle(connection_id, game_id, user_id)
            yield
        finally:
            self._ended[connection_id] = self._connections.pop(connection_id)
            # A task of its own: that of the socket is being cancelled.
            task = asyncio.get_running_loop().create_task(
                self._end(connection_id), name="presence-end"
            )
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End what is under way and give up the lease: the sweep finds nothing to do."""
        if self._ending:
            await asyncio.wait(tuple(self._ending), timeout=5)
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM game_replicas WHERE id = $1", self._replica)

    async def _end(self, connection_id: UUID) -> None:
        if connection_id not in self._ended:
            return
        try:
            await self._settle(connection_id, *self._ended[connection_id])
        except DependencyUnavailable as fault:
            log.warning("presence.end_not_written", fault=fault.detail)
        else:
            self._ended.pop(connection_id, None)

    async def _settle(self, connection_id: UUID, game_id: UUID, user_id: UUID) -> None:
        """Make the database agree with what this process holds, and tell the table."""
        async with self._database.connection() as connection:
            here = connection_id in self._connections
            seq = await settle_presence(
                connection,
                game_id,
                user_id,
                self._window,
                begun=connection_id if here else None,
                on_replica=self._replica,
                ended=None if here else connection_id,
            )
        if seq is not None:
            self._hub.wake(game_id, seq)


async def settle_presence(
    connection: asyncpg.Connection,
    game_id: UUID,
    user_id: UUID,
    window: timedelta,
    *,
    begun: UUID | None = None,
    on_replica: UUID | None = None,
    ended: UUID | None = None,
) -> int | None:
    """Write a connection's begin or end, and the player's state; the stream's seq if it moved.

    The seat of a player who has left is kept for the `window`.
    """
    trace, at = current(), now()
    seq: int | None = await connection.fetchval(
        _SETTLE,
        game_id,
        user_id,
        begun,
        on_replica,
        ended,
        at,
        at + window,
        new_id(),
        trace.request_id,
        trace.traceparent,
    )
    return seq


async def sweep_connections(database: Database, window: timedelta) -> int:
    """End the connections of replicas whose lease is over. A job of the worker.

    While no replica is there, nobody has left the table: there is nowhere to come back to.
    """
    async with database.connection() as connection:
        if await connection.fetchval("SELECT game_clock_stands()"):
            return 0
        await connection.execute("DELETE FROM game_replicas WHERE leased_until < $1", now())
        held = await connection.fetch(
            "SELECT DISTINCT game_id FROM game_connections c WHERE NOT EXISTS "
            "(SELECT 1 FROM game_replicas r WHERE r.id = c.replica_id) ORDER BY game_id"
        )
    return sum([await _sweep_game(database, row["game_id"], window) for row in held])


async def _sweep_game(database: Database, game_id: UUID, window: timedelta) -> int:
    async with database.transaction() as transaction:
        # Locked first, as `settle_presence` does: a renewal is before this or after it.
        await transaction.connection.execute(
            "SELECT 1 FROM games WHERE id = $1 FOR UPDATE", game_id
        )
        gone = await transaction.connection.fetch(
            "DELETE FROM game_connections c WHERE c.game_id = $1 AND NOT EXISTS "
            "(SELECT 1 FROM game_replicas r WHERE r.id = c.replica_id) RETURNING c.user_id",
            game_id,
        )
        for user_id in {row["user_id"] for row in gone}:
            await settle_presence(transaction.connection, game_id, user_id, window)
        return len(gone)
