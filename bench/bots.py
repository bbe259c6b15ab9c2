"""How good are the practice partners? Plays the levels against each other and times the answers.

It needs no platform: `make bench ARGS=bots`, or `python bench/bots.py --games 1000 gin_rummy`. A
share of games won whose interval of 95 % lies above 0.5 is more than luck.
"""

import argparse
import time
from collections.abc import Sequence

from parlor_rules.bots import strategy
from parlor_rules.bots.contest import contest
from parlor_rules.catalog import GAMES
from parlor_rules.protocol import Play, View
from report import Figure, Report
from rich.console import Console

SLOWEST_MS = 1000


class Timed:
    """A strategy, and how long its choices took."""

    def __init__(self, game: str) -> None:
        self._choose = strategy(game, "good")
        self.seconds: list[float] = []

    def __call__(self, view: View, legal_plays: Sequence[Play], seed: bytes) -> Play:
        began = time.perf_counter()
        play = self._choose(view, legal_plays, seed)
        self.seconds.append(time.perf_counter() - began)
        return play


def measure(game: str, seats: int, games: int) -> list[Figure]:
    good = Timed(game)
    result = contest(game, seats, games, good=good)
    low, high = result.interval
    slowest = 1000 * max(good.seconds)
    middle = 1000 * sorted(good.seconds)[len(good.seconds) // 2]
    return [
        Figure(
            f"{game}, {seats} seats: good against easy",
            f"{result.share:.1%} of {result.won + result.lost} games won "
            f"(95 %: {low:.1%} to {high:.1%}; {result.drawn} drawn)",
            "> 50 %",
            low > 0.5,
        ),
        Figure(
            f"{game}, {seats} seats: a choice of good",
            f"p50 {middle:.2f} ms, slowest {slowest:.1f} ms",
            f"≤ {SLOWEST_MS} ms",
            slowest <= SLOWEST_MS,
        ),
    ]


def practice(names: Sequence[str], games: int) -> list[Figure]:
    """The figures of these games, at their smallest and their largest even table."""
    tables = [
        (name, seats)
        for name in names
        for seats in sorted({max(n for n in GAMES[name].seats if n % 2 == 0), GAMES[name].seats[0]})
    ]
    return [figure for name, seats in tables for figure in measure(name, seats, games)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="game", help=f"of {', '.join(GAMES)}")
    parser.add_argument("--games", type=int, default=400, help="played for each number of seats")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(GAMES):
        parser.error(f"no such game: {', '.join(sorted(unknown))}")
    console, report = Console(), Report()
    report.add(*practice(arguments.names or list(GAMES), arguments.games))
    report.show(console)


if __name__ == "__main__":
    main()
