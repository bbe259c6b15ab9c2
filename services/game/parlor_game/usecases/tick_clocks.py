"""Tick the clocks: whatever becomes of a table by itself happens here, and through no other door.

Every api process runs it while players can reach it; none leads. A tick first says that somebody
looks after the clocks: if nobody did for a while, they stood still meanwhile. Then it takes tables
whose time has come by locking their rows, passing over what another replica has taken, and makes
their moves by the way of every play (`commit_plays`), so a play that came first wins. What a move
is, `turn_clock` says.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from parlor_kit import logs
from parlor_kit.clock import now
from parlor_kit.database import Database
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.hub import Hub
from parlor_kit.metrics import REGISTRY
from parlor_rules.move_log import By
from prometheus_client import Histogram

from parlor_game import turn_clock
from parlor_game.turn_clock import Lapse
from parlor_game.usecases.commit_plays import Move, commit, move
from parlor_game.usecases.load_table import Found, Standing, Tables
from parlor_game.usecases.play_card import forfeit_move, tell

log = logs.get("clocks")

TICK_SECONDS = 0.1
_AWAY_SECONDS = 0.5
_BATCH = 64
_STUCK = timedelta(minutes=1)
# Deadlines are set by the time of replicas and compared with the database's. Half of what a clock
# may be late is left for the ticks.
_SKEW = timedelta(milliseconds=250)

LATENESS = Histogram(
    "parlor_clock_lateness_seconds",
    "From when the clock of a table was due to its move.",
    buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 30),
    registry=REGISTRY,
)

_BEAT = """
SELECT moment, EXISTS (SELECT 1 FROM games WHERE alarm_at <= moment) AS ringing
FROM beat_game_clock(longest_game_pause()) AS moment
"""
_CLAIM = "SELECT claimed, due FROM claim_due_games($1, $2)"
_LATER = "UPDATE games SET alarm_at = $2 WHERE id = ANY($1::uuid[])"


class TickClocks:
    """One instance a process; it ticks while `attended`, when players can reach the process."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        hub: Hub,
        attended: Callable[[], bool] = lambda: True,
    ) -> None:
        self._database = database
        self._tables = tables
        self._hub = hub
        self._attended = attended
        self._skewed = False

    async def run(self) -> None:
        """Tick until cancelled; survives an absent database."""
        away = False
        while True:
            await asyncio.sleep(_AWAY_SECONDS if away else TICK_SECONDS)
            if not self._attended():
                continue
            try:
                await self.tick()
                away = False
            except DependencyUnavailable as fault:
                if not away:
                    log.warning("clocks.waiting", fault=fault.detail)
                away = True
            except Exception as fault:
                log.error("clocks.failed", exc_info=fault)

    async def tick(self) -> int:
        """Make every move that is due; how many were made."""
        total, claimed = 0, _BATCH
        while claimed == _BATCH:
            # Before each batch: who has much to do looks after the clocks all the same.
            moment, ringing = await self._beat()
            claimed, made = await self._make_due_moves(moment) if ringing else (0, 0)
            total += made
        return total

    async def _beat(self) -> tuple[datetime, bool]:
        """The moment up to which the clocks have run, and whether any alarm has rung by then."""
        async with self._database.connection() as connection:
            asked = now()
            beat = await connection.fetchrow(_BEAT)
        self._compare(asked, beat["moment"], now())
        return beat["moment"], beat["ringing"]

    def _compare(self, asked: datetime, moment: datetime, answered: datetime) -> None:
        """Say so once when the time here is not that of the database, which was between the two."""
        skewed = not asked - _SKEW < moment < answered + _SKEW
        if skewed and not self._skewed:
            log.warning("clocks.skewed", here=answered.isoformat(), there=moment.isoformat())
        self._skewed = skewed

    async def _make_due_moves(self, moment: datetime) -> tuple[int, int]:
        """The number of tables looked at, and of moves made."""
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            claim = await connection.fetchrow(_CLAIM, moment, _BATCH)
            found = await self._tables.find(connection, claim["due"]) if claim["due"] else []
            moves, stuck = await self._decided(found, moment)
            committed = await commit(connection, moves) if moves else []
            if stuck:
                await connection.execute(_LATER, stuck, moment + _STUCK)
        made = 0
        for chosen, done in zip(moves, committed, strict=True):
            if done is not None:
                tell(self._tables, self._hub, chosen, done)
                LATENESS.observe(_late(chosen))
                made += 1
        return claim["claimed"], made

    async def _decided(
        self, games: Sequence[Found], moment: datetime
    ) -> tuple[list[Move], list[UUID]]:
        """The moves of these tables, which are ours; and those on which none can be made."""
        moves: list[Move] = []
        stuck: list[UUID] = []
        for found in games:
            chosen, fault = None, None
            try:
                chosen = lapsed_move(await self._tables.standing_from(found), moment)
            except Exception as raised:  # one table that cannot go on must not stop the others
                fault = raised
            if chosen is not None:
                moves.append(chosen)
            else:
                log.error("clocks.stuck", game_id=str(found.game_id), exc_info=fault)
                stuck.append(found.game_id)
        return moves, stuck


def _late(chosen: Move) -> float:
    """Seconds after the deadline; the window of one who has left ends before it."""
    due = chosen.deadline_before
    return 0.0 if due is None else max(0.0, (chosen.at - due).total_seconds())


def lapsed_move(standing: Standing, moment: datetime) -> Move | None:
    """What has become of the table by `moment`, if anything."""
    table = standing.table
    seat = table.game.turn(table.state)
    if seat is None:
        return None
    found = turn_clock.lapse(
        table.clock,
        moment,
        reconnect_by=standing.reconnect_by[seat],
        unattended=standing.unattended,
    )
    if found is None:
        return None
    play = table.game.timeout(table.state, seat) if found is Lapse.EXPIRED else None
    if play is None:
        by: By = "departure" if found is Lapse.DEPARTED else "clock"
        return forfeit_move(table, seat, by)
    outcome = table.game.apply(table.state, seat, play)
    return move(table, seat, play.body(), outcome, by="clock")
