"""The arithmetic of a table's clock: whose time runs out when, and what becomes of it then.

Tables carry a `TurnClock`; each move gives the next one, and the ticker asks `lapse` about a table
whose moment has come. Nothing here does I/O or looks at the time: moments are given. A deadline
that the platform slept through is moved on in the database, never here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from parlor_kit.clock import rfc3339
from parlor_rules.move_log import UNATTENDED_MOVES

from parlor_game.table_options import TableOptions

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class TurnClock:
    """The seat that must move has until `deadline`, its reserve included; None when it is over.

    Each move has `turn` of its own. What a move takes beyond that comes out of the mover's reserve,
    which is never filled up again. Without a turn clock (`timed` is false) `turn` is how long a
    table may lie idle.
    """

    turn: timedelta
    timed: bool
    reserves_ms: tuple[int, ...]
    deadline: datetime | None

    def after(self, mover: int, turn: int | None, at: datetime) -> "TurnClock":
        """The clock once `mover` has moved and it is the turn of seat `turn`, or of nobody."""
        if turn is None or self.deadline is None:
            return replace(self, deadline=None)
        left = max(0, (self.deadline - at) // _MS)
        reserves = list(self.reserves_ms)
        reserves[mover] = min(reserves[mover], left)
        return replace(
            self,
            reserves_ms=tuple(reserves),
            deadline=at + self.turn + reserves[turn] * _MS,
        )

    def told(self, players: Sequence[object]) -> dict[str, object]:
        """The deadline and what reserve each player has left, as views and events say it."""
        reserves = zip(players, self.reserves_ms, strict=True) if self.timed else ()
        return {
            "deadline": None if self.deadline is None else rfc3339(self.deadline),
            "reserves": {str(player): ms / 1000 for player, ms in reserves} if self.timed else None,
        }


# Of a table on which nobody is waited for.
STOPPED = TurnClock(timedelta(0), timed=False, reserves_ms=(), deadline=None)


class Lapse(Enum):
    """Why the seat that must move has had its time."""

    DEPARTED = "departed"  # it left, and did not come back in time: it forfeits
    IDLE = "idle"  # no clock was agreed on, and the table has lain idle: it forfeits
    UNATTENDED = "unattended"  # nobody has moved for so long that the game is abandoned
    EXPIRED = "expired"  # its clock has run out: the rules say what it plays


def started(
    options: TableOptions, seats: int, turn: int, at: datetime, idle_after: timedelta
) -> TurnClock:
    """The clock of a table that is dealt at `at`, on which seat `turn` begins."""
    timed = options.turn_seconds is not None
    length = timedelta(seconds=options.turn_seconds) if options.turn_seconds else idle_after
    reserves_ms = (options.reserve_seconds * 1000,) * seats
    deadline = at + length + reserves_ms[turn] * _MS
    return TurnClock(length, timed, reserves_ms, deadline)


def stored(
    options: TableOptions,
    turn_ms: int,
    reserves_ms: Sequence[int],
    deadline: datetime | None,
) -> TurnClock:
    """The clock as the database has it."""
    timed = options.turn_seconds is not None
    return TurnClock(turn_ms * _MS, timed, tuple(reserves_ms), deadline)


def due_at(clock: TurnClock, reconnect_by: datetime | None) -> datetime | None:
    """When something becomes of the table by itself: by its clock, or since its mover has left."""
    if clock.deadline is None or reconnect_by is None:
        return clock.deadline
    return min(clock.deadline, reconnect_by)


def lapse(
    clock: TurnClock, moment: datetime, *, reconnect_by: datetime | None, unattended: int
) -> Lapse | None:
    """What has become of the seat that must move by `moment`, or None while it has time.

    `reconnect_by` is for how long a seat that has left is kept; `unattended` counts the moves in a
    row that were not a player's own.
    """
    if clock.deadline is None:
        return None
    if reconnect_by is not None and reconnect_by <= moment:
        return Lapse.DEPARTED
    if moment < clock.deadline:
        return None
    if not clock.timed:
        return Lapse.IDLE
    if unattended >= UNATTENDED_MOVES * len(clock.reserves_ms):
        return Lapse.UNATTENDED
    return Lapse.EXPIRED
