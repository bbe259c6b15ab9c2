"""The move log of a game as a hash chain: nobody can change, drop or slip in a move unnoticed.

The game service extends the chain with each move and tells its head to the players as they play;
the verifier computes it again. Whoever kept one head can show that everything before it stands.
Nothing here judges a move: `applied` makes it by the rules, which refuse what is not allowed.

How `parlor.log.v1` is defined:

1. Canonical JSON is JSON by RFC 8785: no spaces, members sorted by name, UTF-8. Names are ASCII,
   and there is no number but integers.
2. The first head is SHA-256(canonical JSON of the header). A header has the members `log`
   ("parlor.log.v1"), `shuffle`, `game_id`, `game`, `options`, `players` (user ids by seat),
   `commitment` (hex) and `seeds` (by seat, "" for none).
3. The head after a move is SHA-256(head before it, 32 bytes || salt, 32 bytes || canonical JSON
   of the entry). An entry has the members `number` (from 1), `seat`, `play` (the body of the
   play; a seat that gives up plays {"action": "forfeit"}), `by` and `at` (RFC 3339 in UTC, to the
   microsecond).
4. The salt of move k is `derive_seed(server seed, "log-k")`, as `cards` defines it. Some moves are
   hidden, such as the cards that are passed on: without a salt that nobody knows before the end,
   whoever sees the head could try them all.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from parlor_rules.cards import derive_seed
from parlor_rules.fair_deal import SHUFFLE
from parlor_rules.moves import play_from_body
from parlor_rules.protocol import Game, Json, MalformedPlay, Outcome, StateT

LOG = "parlor.log.v1"
FORFEIT = "forfeit"

# Who made the move: the player, the clock when their time was over, or the platform for a player
# who has left: whose account is disabled, or who did not come back in time.
By = Literal["player", "clock", "departure"]
BYS: tuple[By, ...] = get_args(By)

# After so many moves in a row that were not a player's own, for each seat, the clock forfeits: more
# than any one turn of a game takes, so whoever still plays is never counted out.
UNATTENDED_MOVES = 8

_canonical = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One move as it stands in the log."""

    number: int
    seat: int
    play: Mapping[str, Any]
    by: By
    at: str

    def body(self) -> Json:
        return {
            "number": self.number,
            "seat": self.seat,
            "play": dict(self.play),
            "by": self.by,
            "at": self.at,
        }


def canonical(value: Mapping[str, Any]) -> bytes:
    """The one way in which these JSON values are written.

    Values that came from elsewhere are to be looked at by `refuse_fractions` before.

    Raises:
        ValueError: a value that has no such form: no JSON, or not Unicode.
    """
    return _canonical.encode(value).encode()


def header(
    *,
    game_id: str,
    game: str,
    options: Mapping[str, Any],
    players: Sequence[str],
    commitment: str,
    seeds: Sequence[str],
) -> Json:
    """What everybody knows when the cards are dealt."""
    return {
        "log": LOG,
        "shuffle": SHUFFLE,
        "game_id": game_id,
        "game": game,
        "options": dict(options),
        "players": list(players),
        "commitment": commitment,
        "seeds": list(seeds),
    }


def first_head(of_header: Mapping[str, Any]) -> bytes:
    """The head of a log without moves."""
    return hashlib.sha256(canonical(of_header)).digest()


def next_head(head: bytes, entry: Entry, server_seed: bytes) -> bytes:
    """The head after one more move."""
    salt = derive_seed(server_seed, f"log-{entry.number}")
    return hashlib.sha256(head + salt + canonical(entry.body())).digest()


def applied(
    game: Game[StateT], state: StateT, seat: int, body: Mapping[str, Any]
) -> Outcome[StateT]:
    """Make the move of an entry.

    Raises:
        RulesError: the rules refuse it, or it is no move at all.
    """
    if body.get("action") == FORFEIT:
        if len(body) > 1:
            raise MalformedPlay("action", "a forfeit has no other field")
        return game.forfeit(state, seat)
    return game.apply(state, seat, play_from_body(body))


def refuse_fractions(value: object) -> None:
    """Numbers and names that programs write in different ways have no place in what is hashed.

    Raises:
        ValueError: there is one.
    """
    if isinstance(value, float):
        raise ValueError("a fraction has no canonical form here")
    if isinstance(value, Mapping):
        for name, member in value.items():
            if not isinstance(name, str) or not name.isascii():
                raise ValueError("members have ASCII names")
            refuse_fractions(member)
    elif isinstance(value, list | tuple):
        for member in value:
            refuse_fractions(member)
