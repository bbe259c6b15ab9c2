"""What a player was told during the game, held against the game that comes of the proof.

`game` runs this after the other checks when it is given the events of a seat. It closes the last
gap: a server that shows a player other cards than it deals is found, drawn cards included.
"""

import json
from itertools import chain
from typing import Any

from parlor_rules.protocol import Json

from parlor_verify.game_checks import Replay, Violation
from parlor_verify.proof import Unreadable

# What the platform tells besides the game: who comes and goes, and that the clocks stood still.
BESIDES = ("player.", "game.clock")


def read_events(content: bytes) -> tuple[Json, ...]:
    """The events in a file: what `/games/{id}/events` answered, or a list of socket frames.

    Raises:
        Unreadable: it is something else.
    """
    try:
        found = json.loads(content)
        items = found["items"] if isinstance(found, dict) else found
        events = {int(item["seq"]): dict(item["event"]) for item in items}
        told = {seq: (str(event["type"]), event) for seq, event in events.items()}
    except (ValueError, TypeError, KeyError, RecursionError) as wrong:
        raise Unreadable(f"these are not the events of a game: {wrong!r}") from wrong
    if not told or min(told) != 1 or max(told) != len(told):
        raise Unreadable("the events must begin with the first, and none may be missing")
    return tuple(told[seq][1] for seq in sorted(told) if not told[seq][0].startswith(BESIDES))


def events(replay: Replay, seat: int, told: tuple[Json, ...]) -> str:
    """Each event that the seat received is the one that it should have received."""
    if seat not in range(len(replay.proof.players)):
        raise Violation(f"there is no seat {seat}")
    expected = [json.loads(json.dumps(event)) for event in _expected(replay, seat)]
    if len(told) > len(expected):
        raise Violation(f"{len(told)} events were told, and the game has {len(expected)}")
    for number, (was, should) in enumerate(zip(told, expected, strict=False), start=1):
        for name, value in should.items():
            if was.get(name) != value:
                raise Violation(
                    f"event {number}, {should['type']}: {name} was told as "
                    f"{json.dumps(was.get(name))}, and is {json.dumps(value)}"
                )
    return f"{len(told)} of {len(expected)} events of seat {seat} told as they are"


def _expected(replay: Replay, seat: int) -> list[Json]:
    """All events of the rules for this seat, with the head of the log in the last of each move."""
    dealt: dict[str, Any] = {
        "commitment": replay.proof.commitment.hex(),
        "seeds": list(replay.proof.seeds),
    }
    groups = []
    for head, group in zip(replay.heads, replay.told, strict=True):
        seen = [event.seen_from(seat) for event in group]
        groups.append([*seen[:-1], seen[-1] | {"log_head": head.hex()}])
    first, *others = chain.from_iterable(groups)
    return [first | dealt, *others]
