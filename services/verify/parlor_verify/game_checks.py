"""What must hold of a finished game, in the order in which it is checked.

`game` runs these on a proof. Each check gives a line about what it found, or raises `Violation`
with the first thing that does not hold; whatever follows is not looked at, since it would rest on
a lie. Everything is computed anew from the documented functions of `parlor_rules`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from parlor_rules.catalog import GAMES
from parlor_rules.fair_deal import commitment_to, game_seed, is_seed
from parlor_rules.move_log import FORFEIT, UNATTENDED_MOVES, Entry, applied, first_head, next_head
from parlor_rules.protocol import AnyGame, Event, IllegalPlay, Json, RulesError

from parlor_verify.proof import Proof
from parlor_verify.turn_times import turns

# A clock belongs to the platform, and two machines of it may disagree a little.
CLOCK_TOLERANCE = timedelta(seconds=1)


class Violation(Exception):
    """Something that does not hold; says exactly what."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a player has kept from the game itself, beside the proof."""

    commitment: bytes | None = None
    heads: frozenset[bytes] = frozenset()


class Replay:
    """A proof, and the game that comes of it as the checks go on."""

    def __init__(self, proof: Proof, noted: Noted) -> None:
        self.proof = proof
        self.noted = noted
        self.game: AnyGame | None = None
        self.state: Any = None
        self.heads: list[bytes] = []  # of the deal, then of each move; as is the next
        self.told: list[tuple[Event, ...]] = []


def commitment(replay: Replay) -> str:
    """The server's seed is the one that was promised before anybody answered."""
    proof = replay.proof
    promised = commitment_to(proof.server_seed)
    if promised != proof.commitment:
        raise Violation(
            f"the server's seed has the hash {promised.hex()}, not {proof.commitment.hex()}"
        )
    noted = replay.noted.commitment
    if noted is not None and noted != promised:
        raise Violation(f"you noted the commitment {noted.hex()}, and this is {promised.hex()}")
    kept = " as you noted it" if noted is not None else ""
    return f"the server's seed hashes to {promised.hex()}{kept}"


def deal(replay: Replay) -> str:
    """Everybody's seed is one, and the cards can be dealt from all of them."""
    proof = replay.proof
    if len(proof.seeds) != len(proof.players):
        raise Violation(f"{len(proof.players)} players have {len(proof.seeds)} seeds")
    if len(set(proof.players)) != len(proof.players):
        raise Violation("somebody sits on two seats")
    for seat, seed in enumerate(proof.seeds):
        if seed and not is_seed(seed):
            raise Violation(f"the seed of seat {seat} is not printable ASCII of at most 64 signs")
    game = GAMES.get(proof.game)
    if game is None:
        raise Violation(f"there is no game {proof.game!r}")
    options = proof.rules_options()
    seed_of_game = game_seed(proof.server_seed, proof.seeds)
    try:
        if game.options(options) != options:
            raise Violation("an option of the game is missing")
        replay.state = game.deal(seed_of_game, len(proof.players), options)
    except RulesError as wrong:
        raise Violation(f"nobody can play this: {wrong}") from wrong
    replay.game = game
    replay.told.append(game.opening(replay.state))
    return f"the game's seed is {seed_of_game.hex()}"


def log(replay: Replay) -> str:
    """No move was changed, dropped or slipped in after it was made."""
    proof = replay.proof
    try:
        head = first_head(proof.header())
    except (ValueError, RecursionError) as wrong:
        raise Violation(f"the header has no hash: {wrong}") from wrong
    heads = [head]
    for number, move in enumerate(proof.moves, start=1):
        if move.entry.number != number:
            raise Violation(f"move {number} says that it is number {move.entry.number}")
        try:
            head = next_head(head, move.entry, proof.server_seed)
        except (ValueError, RecursionError) as wrong:
            raise Violation(f"move {number} has no hash: {wrong}") from wrong
        if head != move.hash:
            raise Violation(
                f"move {number} and all before it hash to {head.hex()}, not {move.hash.hex()}"
            )
        heads.append(head)
    if head != proof.head:
        raise Violation(f"the log ends with {head.hex()}, not {proof.head.hex()}")
    for noted in sorted(replay.noted.heads - set(heads)):
        raise Violation(f"the head {noted.hex()} that you noted is nowhere in the log")
    replay.heads = heads
    kept = f", {len(replay.noted.heads)} of them noted by you" if replay.noted.heads else ""
    return f"{len(proof.moves)} moves in one chain of hashes{kept}"


def moves(replay: Replay) -> str:
    """The rules allow every move, whoever made it."""
    proof, game = replay.proof, _dealt(replay)
    unattended = 0
    for number, move in enumerate(proof.moves, start=1):
        entry = move.entry
        what = f"move {number}, seat {entry.seat}, {_words(entry.play)}"
        if entry.seat not in range(len(proof.players)):
            raise Violation(f"{what}: there is no such seat")
        if entry.by == "departure" and entry.play.get("action") != FORFEIT:
            raise Violation(f"{what}: who has left can only forfeit")
        if entry.by == "clock":
            _by_the_clock(replay, entry, what, unattended)
        try:
            outcome = applied(game, replay.state, entry.seat, entry.play)
        except IllegalPlay as wrong:
            allowed = "; ".join(_words(play.body()) for play in wrong.legal_plays)
            raise Violation(f"{what}: the rules do not allow it, but: {allowed}") from wrong
        except RulesError as wrong:
            raise Violation(f"{what}: {str(wrong) or type(wrong).__doc__}") from wrong
        replay.state = outcome.state
        replay.told.append(outcome.events)
        unattended = 0 if entry.by == "player" else unattended + 1
    others = sum(move.entry.by != "player" for move in proof.moves)
    return f"the rules allow all {len(proof.moves)}, {others} of them not by a player"


def clocks(replay: Replay) -> str:
    """No clock ran out before the time that was agreed on, what was left in reserve included."""
    checked = unknown = 0
    try:
        for turn in turns(replay.proof):
            if turn.by != "clock":
                continue
            if turn.took is None or turn.had is None:
                unknown += 1
                continue
            if turn.took + CLOCK_TOLERANCE < turn.had:
                raise Violation(
                    f"move {turn.number}, seat {turn.seat}: the clock ran out after "
                    f"{turn.took.total_seconds():.3f} s, and this turn had "
                    f"{turn.had.total_seconds():g} s"
                )
            checked += 1
    except ValueError as wrong:
        raise Violation(str(wrong)) from wrong
    found = f"{checked} turns ran out, none before its time"
    return found if not unknown else f"{found}; of {unknown} more the proof says no time"


def score(replay: Replay) -> str:
    """The game is over, and its result is what the rules make of it."""
    game, result = _dealt(replay), replay.proof.result
    if not game.finished(replay.state):
        raise Violation(f"after the last move the game goes on: seat {game.turn(replay.state)}")
    standing = game.score(replay.state)
    for name, said, found in (
        ("status", result.status, game.status(replay.state)),
        ("scores", result.scores, standing.scores),
        ("ranks", result.ranks, standing.ranks),
        ("winners", result.winners, standing.winners),
        ("rounds", result.rounds, standing.rounds),
    ):
        if said != found:
            raise Violation(f"{name}: {_listed(said)} is claimed, the rules say {_listed(found)}")
    return f"{result.status}, scores {_listed(result.scores)}, won by {_listed(result.winners)}"


CHECKS: Sequence[Callable[[Replay], str]] = (commitment, deal, log, moves, clocks, score)


def _by_the_clock(replay: Replay, entry: Entry, what: str, unattended: int) -> None:
    """The clock has no choice: the play that the rules name, or a forfeit."""
    proof, game = replay.proof, _dealt(replay)
    try:
        named = game.timeout(replay.state, entry.seat)
    except RulesError as wrong:
        raise Violation(f"{what}: its clock does not run: {wrong}") from wrong
    forfeits = entry.play.get("action") == FORFEIT
    timed = proof.options.get("turn_seconds") is not None
    abandoned = unattended >= UNATTENDED_MOVES * len(proof.players)
    if named is None or not timed or abandoned:
        if not forfeits:
            raise Violation(f"{what}: when the clock runs out, this seat forfeits")
    elif forfeits:
        raise Violation(f"{what}: the clock forfeits only where nobody plays any more")
    elif dict(entry.play) != named.body():
        raise Violation(f"{what}: when the clock runs out, the play is {_words(named.body())}")


def _dealt(replay: Replay) -> AnyGame:
    if replay.game is None:
        raise Violation("no cards were dealt")
    return replay.game


def _words(play: Json | Any) -> str:
    """A play in one short line."""
    parts = [str(play.get("action", "?"))]
    for name, value in play.items():
        if name != "action":
            parts.append(" ".join(map(str, value)) if isinstance(value, list) else str(value))
    return " ".join(parts)


def _listed(value: str | Collection[Any]) -> str:
    if isinstance(value, str):
        return value
    return ", ".join(_listed(item) if isinstance(item, tuple) else str(item) for item in value)
