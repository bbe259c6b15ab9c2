"""Time for tests of the game service: it passes at once, by moving what is waited for nearer.

Everything that the service waits for stands in its database as a moment, so a day passes for it
when all these moments are a day earlier. Nothing of the service is replaced or told about it.
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
_NOBODY_TICKED = "UPDATE game_clock SET ticked_at = ticked_at - $1::interval"


async def pass_time(rows: asyncpg.Connection, seconds: float, *, ticking: bool = True) -> None:
    """Let so many seconds pass; with `ticking` false nobody looked after the clocks meanwhile."""
    passed = timedelta(seconds=seconds)
    async with rows.transaction():
        # First of all and in this order, as the service does it.
        await rows.execute("SELECT 1 FROM games WHERE alarm_at IS NOT NULL ORDER BY id FOR UPDATE")
        for statement in (*_PASS, *(() if ticking else (_NOBODY_TICKED,))):
            await rows.execute(statement, passed)
        if ticking:
            await rows.execute("UPDATE game_clock SET ticked_at = clock_timestamp()")
