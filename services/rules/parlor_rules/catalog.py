"""Which games there are.

The invite use case looks a game up by the name that the invite carries. A new game is one file
of rules, one line here, and a test that plays it against a reference.
"""

from typing import Any

from parlor_rules.crazy_eights import CrazyEights
from parlor_rules.gin_rummy import GinRummy
from parlor_rules.hearts import Hearts
from parlor_rules.match import Match
from parlor_rules.spades import Spades

GAMES: dict[str, Match[Any]] = {
    game.name: Match(game)
    for game in (
        CrazyEights(),
        Hearts(),
        GinRummy(),
        Spades(),
    )
}
