"""Time for tests of the game service: it passes at once, by moving what is waited for nearer.

Everything that the service waits for stands in its database as a moment, so a day passes for it
when all these moments are a day earlier. Nothing of the service is replaced or told about it.
Where no replica ticks by itself, the clocks count as looked after until a test lets nobody do so.
"""

from __future__ import annotations

from datetime import timedelta

import asyncpg

_PASS = (
    "UPDATE games SET deadline = deadline - $1::interval, alarm_at = alarm_at - $1::interval "
    "WHERE alarm_at IS NOT NULL",
    "UPDATE game_players SET reconnect_by = reconnect_by - $1::interval "
    "WHERE reconnect_by IS NOT NULL",
    "UPDATE invites SET expires_at = expires_at - $1::interval WHERE status = 'pending'",
    "UPDATE game_replicas SET leased_until = leased_until - $1::interval",
)
_TICKED = "UPDATE game_clock SET ticked_at = clock_timestamp() + $1::interval"
_LOOKED_AFTER = timedelta(hours=1)


async def pass_time(rows: asyncpg.Connection, seconds: float, *, ticking: bool = True) -> None:
    """Let so many seconds pass; with `ticking` false nobody looked after the clocks meanwhile."""
    passed = timedelta(seconds=seconds)
    async with rows.transaction():
        # First of all and in this order, as the service does it.
        await rows.execute("SELECT 1 FROM games WHERE alarm_at IS NOT NULL ORDER BY id FOR UPDATE")
        for statement in _PASS:
            await rows.execute(statement, passed)
        await rows.execute(_TICKED, _LOOKED_AFTER if ticking else -passed)


async def look_after_clocks(rows: asyncpg.Connection) -> None:
    """As a replica that ticks does, for longer than any test takes."""
    await rows.execute(_TICKED, _LOOKED_AFTER)
