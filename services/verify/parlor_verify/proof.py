"""The proof of a game as it lies in a file: read strictly, judged elsewhere.

`game` reads one and gives it to `game_checks`. Whatever has the right form is taken as it is,
however false it may be; what has not is no proof at all.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from parlor_rules.fair_deal import SERVER_SEED_BYTES, SHUFFLE
from parlor_rules.move_log import BYS, LOG, Entry, header, refuse_fractions
from parlor_rules.protocol import Json

PROOF = "parlor.proof.v1"
HASH_BYTES = 32
VERSIONS = {"proof": PROOF, "log": LOG, "shuffle": SHUFFLE}

# What the platform adds to the options of every game; the rules never see these.
TABLE_OPTIONS = frozenset({"turn_seconds", "reserve_seconds", "spectators", "idle_seconds"})

Member = TypeVar("Member")


class Unreadable(Exception):
    """The file is not a proof that this program can read; says why."""


@dataclass(frozen=True, slots=True)
class Move:
    entry: Entry
    hash: bytes


@dataclass(frozen=True, slots=True)
class Result:
    status: str
    scores: tuple[int, ...]
    ranks: tuple[int, ...]
    winners: tuple[int, ...]
    rounds: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Proof:
    game_id: str
    game: str
    options: Mapping[str, Any]
    players: tuple[str, ...]
    commitment: bytes
    server_seed: bytes
    seeds: tuple[str, ...]
    moves: tuple[Move, ...]
    head: bytes
    result: Result

    def header(self) -> Json:
        return header(
            game_id=self.game_id,
            game=self.game,
            options=self.options,
            players=self.players,
            commitment=self.commitment.hex(),
            seeds=self.seeds,
        )

    def rules_options(self) -> Json:
        return {name: value for name, value in self.options.items() if name not in TABLE_OPTIONS}


def read_proof(content: bytes) -> Proof:
    """The proof in a file.

    Raises:
        Unreadable: no JSON, another version, or a member that is missing, unknown or malformed.
    """
    try:
        found = json.loads(content, object_pairs_hook=_without_repetitions)
    except (ValueError, RecursionError) as wrong:
        raise Unreadable(f"this is not JSON: {wrong}") from wrong
    whole = _Members(found, "the proof")
    for name, version in VERSIONS.items():
        if (said := whole.take(name, _text)) != version:
            raise Unreadable(f"{name} is {said!r}, and this program knows {version!r}")
    proof = Proof(
        game_id=whole.take("game_id", _text),
        game=whole.take("game", _text),
        options=whole.take("options", _hashable),
        players=whole.take("players", _list_of(_text)),
        commitment=whole.take("commitment", _bytes_of(HASH_BYTES)),
        server_seed=whole.take("server_seed", _bytes_of(SERVER_SEED_BYTES)),
        seeds=whole.take("seeds", _list_of(_text)),
        moves=whole.take("moves", _list_of(_move)),
        head=whole.take("head", _bytes_of(HASH_BYTES)),
        result=whole.take("result", _result),
    )
    whole.end()
    return proof


def hash_of(text: str) -> bytes:
    """A hash in hexadecimal, as the proof and the command line have it."""
    return _bytes_of(HASH_BYTES)(text)


class _Members:
    """The members of one object, each to be taken once."""

    def __init__(self, value: object, what: str) -> None:
        self._left = dict(_object(value))
        self._what = what

    def take(self, name: str, read: Callable[[object], Member]) -> Member:
        if name not in self._left:
            raise Unreadable(f"{self._what} has no {name}")
        try:
            return read(self._left.pop(name))
        except (ValueError, RecursionError) as wrong:
            raise Unreadable(f"{self._what}: {name} {wrong}") from wrong

    def end(self) -> None:
        for name in self._left:
            raise Unreadable(f"{self._what} has a member {name!r} that this program does not know")


def _without_repetitions(pairs: list[tuple[str, Any]]) -> Json:
    """Two members of one name would let two readers see two proofs."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member comes twice")
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("must be a whole number")
    return value


def _object(value: object) -> Json:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


def _hashable(value: object) -> Json:
    """An object that is the same to every program, and so has one hash."""
    refuse_fractions(value)
    return _object(value)


def _list_of(read: Callable[[object], Member]) -> Callable[[object], tuple[Member, ...]]:
    def read_all(value: object) -> tuple[Member, ...]:
        if not isinstance(value, list):
            raise ValueError("must be a list")
        return tuple(read(item) for item in value)

    return read_all


def _bytes_of(length: int) -> Callable[[object], bytes]:
    def read(value: object) -> bytes:
        text = _text(value)
        if len(text) != 2 * length or set(text) - set("0123456789abcdef"):
            raise ValueError(f"must be {2 * length} lower-case hexadecimal digits")
        return bytes.fromhex(text)

    return read


def _move(value: object) -> Move:
    members = _Members(value, "a move")
    by = members.take("by", _text)
    if by not in BYS:
        raise ValueError(f"must be by one of {', '.join(BYS)}")
    entry = Entry(
        number=members.take("number", _number),
        seat=members.take("seat", _number),
        play=members.take("play", _hashable),
        by=next(known for known in BYS if known == by),
        at=members.take("at", _text),
    )
    move = Move(entry, members.take("hash", _bytes_of(HASH_BYTES)))
    members.end()
    return move


def _result(value: object) -> Result:
    members = _Members(value, "the result")
    numbers = _list_of(_number)
    result = Result(
        status=members.take("status", _text),
        scores=members.take("scores", numbers),
        ranks=members.take("ranks", numbers),
        winners=members.take("winners", numbers),
        rounds=members.take("rounds", _list_of(numbers)),
    )
    members.end()
    return result
