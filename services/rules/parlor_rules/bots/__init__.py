"""How the practice partners choose their plays.

The bots' process of the game service asks for the strategy of a game and a level, and hands it
what its seat may see. A strategy keeps nothing between plays, draws its chance from the seed that
it is given, and never gets a state: what a person could not know, it cannot use.

`easy` makes any legal play, each as likely. `good` has one file a game here; `bench/bots.py`
measures how it does against `easy`.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from parlor_rules.bots.crazy_eights import good_crazy_eights
from parlor_rules.bots.gin_rummy import good_gin_rummy
from parlor_rules.bots.hearts import good_hearts
from parlor_rules.bots.spades import good_spades
from parlor_rules.cards import choose_v1
from parlor_rules.protocol import Play, View

Level = Literal["easy", "good"]


class Strategy(Protocol):
    """One way to play one game."""

    def __call__(self, view: View, legal_plays: Sequence[Play], seed: bytes) -> Play:
        """One of `legal_plays`, which are those of the seat whose turn it is in `view`.

        The seed is all its chance, another one for every play.
        """
        ...


def easy(view: View, legal_plays: Sequence[Play], seed: bytes) -> Play:
    return legal_plays[choose_v1(seed, len(legal_plays))]


GOOD: Mapping[str, Strategy] = {
    "crazy_eights": good_crazy_eights,
    "hearts": good_hearts,
    "gin_rummy": good_gin_rummy,
    "spades": good_spades,
}


def strategy(game: str, level: Level) -> Strategy:
    """The strategy of this level; a game that has no good one yet is played easily."""
    return GOOD.get(game, easy) if level == "good" else easy
