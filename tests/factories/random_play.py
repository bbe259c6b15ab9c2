"""Games played out by seeded players of several temperaments.

The tests of the rules use it to reach the states that matter: quick games, long ones, and games
in which the stock runs out. One number gives one game, on every machine.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from parlor_rules.protocol import AnyGame, Outcome, Play

# Most games are eager: they end soon, so that many fit into a test run.
TABLES = (
    "eager",
    "hoarding",
    "eager",
    "spoiling",
    "eager",
    "hoarding",
    "eager",
    "mixed",
    "eager",
    "siege",
    "eager",
    "uniform",
)
HOARDING_MOVES = 120


@dataclass(frozen=True, slots=True)
class Step:
    """One move: what was, who did what, and what came of it."""

    before: Any
    seat: int
    play: Play
    outcome: Outcome[Any]


def seed_of(number: int) -> bytes:
    return b"table" + number.to_bytes(8, "big")


def preferred_actions(table: str, moves: int, rng: random.Random) -> tuple[str, ...]:
    """Which actions the seat takes first; none means any.

    A siege empties the stock for good, by all kinds of draws, and then passes until the end.
    """
    if table == "mixed":
        table = rng.choice(("eager", "hoarding", "spoiling", "uniform"))
    if table == "hoarding":
        return ("draw", "play") if moves < HOARDING_MOVES else ("play",)
    if table == "siege":
        return ("pass", rng.choice(("draw", "draw", "play")))
    return {"eager": ("play", "knock", "meld"), "spoiling": ("draw", "pass")}.get(table, ())


def choose(rng: random.Random, preferred: tuple[str, ...], plays: tuple[Play, ...]) -> Play:
    for action in preferred:
        liked = [play for play in plays if play.action == action]
        if liked:
            return rng.choice(liked)
    return rng.choice(plays)


def play_out(
    game: AnyGame, state: Any, number: int, *, table: str = "", limit: int = 50_000
) -> Iterator[Step]:
    """Every move until the game ends; more than `limit` moves are an error."""
    rng = random.Random(number)
    table = table or TABLES[number % len(TABLES)]
    for moves in range(limit):
        seat = game.turn(state)
        if seat is None:
            return
        plays = game.legal_plays(state, seat)
        play = choose(rng, preferred_actions(table, moves, rng), plays)
        outcome = game.apply(state, seat, play)
        yield Step(state, seat, play, outcome)
        state = outcome.state
    raise AssertionError(f"game {number} has not ended after {limit} moves")
