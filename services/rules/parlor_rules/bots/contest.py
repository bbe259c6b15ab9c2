"""Good against easy: does one way to play beat another, and is that more than luck?

The bench and a test call it. Seats alternate between the two sides, so partners are on one side,
and the sides change places from game to game. A side wins a game when its seats have the better
scores together.
"""

from dataclasses import dataclass

from parlor_rules.bots import Strategy, strategy
from parlor_rules.cards import derive_seed
from parlor_rules.catalog import GAMES

# The normal deviate of a two-sided interval of 95 %.
DEVIATE_95 = 1.96


@dataclass(frozen=True, slots=True)
class Contest:
    """How many games the good side won, drew and lost."""

    won: int
    drawn: int
    lost: int

    @property
    def share(self) -> float:
        """Of the games that somebody won."""
        return self.won / (self.won + self.lost)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of 95 % about the share: luck alone would have 0.5 within."""
        games, square = self.won + self.lost, DEVIATE_95**2
        middle = self.share + square / (2 * games)
        spread = self.share * (1 - self.share) / games + square / (4 * games**2)
        half = DEVIATE_95 * spread**0.5
        return (middle - half) / (1 + square / games), (middle + half) / (1 + square / games)


def play_game(game: str, seats: int, number: int, good: Strategy, easy: Strategy) -> int:
    """1 if the good side won the game of this number, -1 if it lost, 0 if they drew."""
    if seats % 2:
        raise ValueError(f"two sides cannot share {seats} seats")
    rules, seed = GAMES[game], derive_seed(b"contest", f"{game}-{seats}-{number}")
    ours = [(seat + number) % 2 == 0 for seat in range(seats)]
    state, moves = rules.deal(seed, seats, {}), 0
    while (seat := rules.turn(state)) is not None:
        choose = good if ours[seat] else easy
        view, legal = rules.view(state, seat), rules.legal_plays(state, seat)
        play = choose(view, legal, derive_seed(seed, f"play-{moves}"))
        state = rules.apply(state, seat, play).state
        moves += 1
    scores = rules.score(state).scores
    ahead = sum(score if mine else -score for score, mine in zip(scores, ours, strict=True))
    if not rules.highest_wins:
        ahead = -ahead
    return (ahead > 0) - (ahead < 0)


def contest(
    game: str, seats: int, games: int, good: Strategy | None = None, easy: Strategy | None = None
) -> Contest:
    """So many games of good against easy; the same numbers give the same games."""
    good = good or strategy(game, "good")
    easy = easy or strategy(game, "easy")
    results = [play_game(game, seats, number, good, easy) for number in range(games)]
    return Contest(results.count(1), results.count(0), results.count(-1))
