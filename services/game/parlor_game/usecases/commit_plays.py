"""Commit plays: each whole or not at all, many games in one transaction.

Called by the play and forfeit use cases through a batching writer, and by the reaction to a
disabled account on its own transaction. It decides nothing: a move that was computed on a table
that has moved on meanwhile comes back as None, and its caller decides again. So does every move
while the clocks stand still, as after an outage until `catch_up`: a move is never charged for time
in which nobody could play.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import orjson
from parlor_kit.answers import dumps
from parlor_kit.clock import now, rfc3339
from parlor_kit.ids import new_id
from parlor_kit.tracing import Trace, current
from parlor_rules.move_log import By, Entry, next_head
from parlor_rules.protocol import Json, Outcome

from parlor_game import events
from parlor_game.table import Table, TableEvent

# Without game ids no move finds its table.
_COMMIT = f"""
SELECT done.* FROM (SELECT game_clock_stands() AS stands) AS clocks, LATERAL commit_plays(
    CASE WHEN NOT clocks.stands THEN $1::uuid[] END,
    {", ".join(f"${number}" for number in range(2, 32))}
) AS done
"""  # noqa: S608
_CATCH_UP = "SELECT catch_up_game_clock()"


@dataclass(frozen=True, slots=True)
class PlayKey:
    """The Idempotency-Key that a play came with, and the digest of what it asked for."""

    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Move:
    """A move that the rules have accepted on the table before it, ready to be written."""

    after: Table  # its move_seq is not known before the commit
    deadline_before: datetime | None
    seat: int
    body: Json
    by: By
    events: tuple[TableEvent, ...]
    key: PlayKey | None
    at: datetime
    trace: Trace


@dataclass(frozen=True, slots=True)
class Committed:
    """The table after the move, and the stream's seq that its last event got."""

    table: Table
    seq: int
    connected: tuple[bool, ...]
    reconnect_by: tuple[datetime | None, ...]


class Rows(Protocol):
    """A connection, or a session that makes its own."""

    async def fetch(self, query: str, *args: Any) -> Any: ...


def move(
    before: Table,
    seat: int,
    body: Json,
    outcome: Outcome[Any],
    key: PlayKey | None = None,
    *,
    by: By = "player",
) -> Move:
    """The move as the log will have it; hash and clock follow those of the table before it."""
    at = now()
    head = before.head
    if head is not None and before.secret is not None:
        entry = Entry(before.move_count + 1, seat, body, by, rfc3339(at))
        head = next_head(head, entry, before.secret)
    clock = before.clock.after(seat, before.game.turn(outcome.state), at)
    after = before.after(outcome, 0, head, clock)
    return Move(
        after=after,
        deadline_before=before.clock.deadline,
        seat=seat,
        body=body,
        by=by,
        events=after.moved(outcome.events, seat, by),
        key=key,
        at=at,
        trace=current(),
    )


async def commit(rows: Rows, moves: Sequence[Move]) -> list[Committed | None]:
    """Write the moves in one transaction; None for a move whose table or clock has moved on."""
    committed: list[Committed | None] = [None] * len(moves)
    found = await rows.fetch(_COMMIT, *_plays(moves), *_details(moves))
    for play, seq, connected, reconnect_by in found:
        table = replace(moves[play - 1].after, move_seq=seq)
        committed[play - 1] = Committed(table, seq, tuple(connected), tuple(reconnect_by))
    return committed


async def catch_up(rows: Rows) -> None:
    """Give every table the time back for which the platform was away, if nobody has done so yet.

    Before any table is locked: it locks them all, if it must.
    """
    await rows.fetch(_CATCH_UP)


def _plays(moves: Sequence[Move]) -> tuple[list[Any], ...]:
    """One element a move, in the order of the function's parameters."""
    over = [item.after.status != "active" for item in moves]
    return (
        [item.after.game_id for item in moves],
        [item.after.move_count for item in moves],
        [item.seat for item in moves],
        [item.after.players[item.seat] for item in moves],
        [orjson.dumps(item.body).decode() for item in moves],
        [item.by for item in moves],
        [item.after.head for item in moves],
        [item.at for item in moves],
        [len(item.events) for item in moves],
        [item.after.turn_user_id for item in moves],
        [item.deadline_before for item in moves],
        [item.after.clock.deadline for item in moves],
        [item.after.clock.reserves_ms[item.seat] for item in moves],
        [item.after.status for item in moves],
        [
            dumps(item.after.winner_ids()).decode() if ended else None
            for item, ended in zip(moves, over, strict=True)
        ],
        [item.key.key if item.key else None for item in moves],
        [item.key.digest if item.key else None for item in moves],
        [new_id() for _ in moves],
        [new_id() if ended else None for ended in over],
        [_finished(item.after) if ended else None for item, ended in zip(moves, over, strict=True)],
        [item.trace.request_id for item in moves],
        [item.trace.traceparent for item in moves],
    )


def _details(moves: Sequence[Move]) -> tuple[list[Any], ...]:
    """The events of all moves, then the results of those that end their game."""
    told = [
        (play, position, event)
        for play, item in enumerate(moves, start=1)
        for position, event in enumerate(item.events, start=1)
    ]
    results = [
        (play, seat, score, rank)
        for play, item in enumerate(moves, start=1)
        if item.after.status != "active"
        for seat, (score, rank) in enumerate(item.after.results())
    ]
    return (
        [play for play, _, _ in told],
        [position for _, position, _ in told],
        [event.type for _, _, event in told],
        [event.public.decode() for _, _, event in told],
        [event.private_json() for _, _, event in told],
        [play for play, _, _, _ in results],
        [seat for _, seat, _, _ in results],
        [score for _, _, score, _ in results],
        [rank for _, _, _, rank in results],
    )


def _finished(table: Table) -> str:
    data = events.finished_data(
        table.game_id,
        table.game.name,
        table.status,
        table.players,
        table.winner_ids(),
        [score for score, _ in table.results()],
    )
    return dumps(data).decode()
