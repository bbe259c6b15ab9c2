"""Which games there are.

The invite use case looks a game up by the name that the invite carries. A new game is one file
of rules, one line here, and a test that plays it against a reference.
"""

from parlor_game.rules.crazy_eights import CrazyEights
from parlor_game.rules.hearts import Hearts
from parlor_game.rules.protocol import AnyGame

GAMES: dict[str, AnyGame] = {game.name: game for game in (CrazyEights(), Hearts())}
