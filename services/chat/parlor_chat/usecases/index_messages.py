"""The worker's job that makes new messages searchable, behind the backs of their senders.

`message_search_position` says until when every message has its row. It moves up to the begin of the
oldest transaction that is still open: whatever commits later has a later `sent_at`. One worker at a
time does this, in order and in small steps; what it has not reached yet, search reads itself.
"""

from datetime import datetime, timedelta

import asyncpg
from parlor_kit.database import Database

from parlor_chat.usecases import hold_coverage

# All that write messages are of one role, so they are seen. Who begins after we looked, or while we
# do, takes the `sent_at` of its messages later than this statement begins.
_UNTIL = """
SELECT least(statement_timestamp(), min(xact_start)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    AND backend_type = 'client backend'
"""

_FIRST = "SELECT min(sent_at) - interval '1 microsecond' FROM messages"

_POSITION = """
SELECT indexed_until FROM message_search_position FOR UPDATE SKIP LOCKED
"""

_BEGIN = """
INSERT INTO message_search_position (indexed_until) VALUES ($1) ON CONFLICT DO NOTHING
"""

_INDEX = """
INSERT INTO message_search (message_id, conversation_id, document)
SELECT id, conversation_id, to_tsvector('simple', body) FROM messages
WHERE sent_at > $1 AND sent_at <= $2
ON CONFLICT DO NOTHING
"""

_MOVE = "UPDATE message_search_position SET indexed_until = $1"

_STEPS = 60
_MANY = 5000
_TOO_MANY = -1
_SHORTEST = timedelta(milliseconds=100)
_LONGEST = timedelta(days=365)


class IndexMessages:
    """Catches up, a step a transaction, and leaves the rest for the next time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._span = timedelta(seconds=10)

    async def __call__(self) -> None:
        for _ in range(_STEPS):
            if not await self._step():
                return

    async def _step(self) -> bool:
        """Index the next span of time; whether there is more to do now."""
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            # No batch of expiry may delete what is being indexed.
            await hold_coverage.enter_gate(connection)
            since = await _position(connection)
            horizon: datetime | None = await connection.fetchval(_UNTIL)
            if since is None or horizon is None or horizon <= since:
                return False
            until = min(horizon, since + self._span)
            try:
                done = await connection.execute(_INDEX, since, until)
            except BaseException:
                self._adapt(_TOO_MANY)  # it may have taken too long
                raise
            indexed = int(done.rpartition(" ")[2])
            if indexed or until < horizon:
                await connection.execute(_MOVE, until)
        self._adapt(indexed)
        return until < horizon

    def _adapt(self, indexed: int) -> None:
        """Long steps through quiet times, short ones where much was said."""
        if indexed == _TOO_MANY:
            self._span = max(self._span / 16, _SHORTEST)
        elif indexed > _MANY:
            self._span = max(self._span / 2, _SHORTEST)
        elif indexed < _MANY / 4:
            self._span = min(self._span * 2, _LONGEST)


async def _position(connection: asyncpg.Connection) -> datetime | None:
    """Until when all is indexed; None while another worker is at it, or nothing was ever said."""
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM message_search_position)"):
        first = await connection.fetchval(_FIRST)
        if first is None:
            return None
        await connection.execute(_BEGIN, first)
    position: datetime | None = await connection.fetchval(_POSITION)
    return position
