"""How long each turn of a proof took, and how long its clock had to run at the least.

`game_checks` asks which clocks ran out early. The arithmetic is that of the platform, on the times
of the log alone. An outage gives players time back and is in no log, so what is computed here is
never more than what they really had: nobody honest is accused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from parlor_rules.move_log import By

from parlor_verify.proof import Proof

_MS = timedelta(milliseconds=1)
_MOST_SECONDS = 10**9
_UUID_WITH_TIME = 7


@dataclass(frozen=True, slots=True)
class Turn:
    """A move with the time before it; None where the proof does not say."""

    number: int
    seat: int
    by: By
    took: timedelta | None
    had: timedelta | None


def turns(proof: Proof) -> Iterator[Turn]:
    """Each turn of the log, the moves of which have been found to be legal.

    Raises:
        ValueError: something is no time, or no number of seconds.
    """
    length = _seconds(proof, "turn_seconds")
    timed = length is not None
    reserve = (_seconds(proof, "reserve_seconds") or timedelta(0)) if timed else timedelta(0)
    if not timed:
        length = _seconds(proof, "idle_seconds")
    reserves = [reserve] * len(proof.players)
    began = _dealt_at(proof.game_id)
    for move in proof.moves:
        seat, at = move.entry.seat, _moment(move.entry.number, move.entry.at)
        took = None if began is None else at - began
        had = None if length is None else length + reserves[seat]
        yield Turn(move.entry.number, seat, move.entry.by, took, had)
        if had is not None:
            left = timedelta(0) if took is None else max(timedelta(0), (had - took) // _MS * _MS)
            reserves[seat] = min(reserves[seat], left)
        began = at


def _seconds(proof: Proof, option: str) -> timedelta | None:
    value = proof.options.get(option)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_SECONDS:
        raise ValueError(f"option {option}: {value!r} is no number of seconds")
    return timedelta(seconds=value)


def _dealt_at(game_id: str) -> datetime | None:
    """The moment with which the id of a game begins: the first turn began then, or just after."""
    try:
        found = UUID(game_id)
        began = datetime.fromtimestamp(0, UTC) + (found.int >> 80) * _MS
    except (ValueError, OverflowError):
        return None
    return began if found.version == _UUID_WITH_TIME else None


def _moment(number: int, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise ValueError(f"move {number}: {text!r} is no time") from wrong
    if moment.tzinfo is None:
        raise ValueError(f"move {number}: {text!r} is in no time zone")
    return moment
