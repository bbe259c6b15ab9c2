"""Proofs of games that were played here by the rules alone, as the game service would give them.

Tests of the verifier take one, change something, and see what is said. `resealed` makes the hash
chain fit again, as somebody would do who wants a change to go unnoticed.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from parlor_rules.catalog import GAMES
from parlor_rules.fair_deal import SHUFFLE, game_seed
from parlor_rules.move_log import LOG, By, Entry, applied, first_head, header, next_head
from parlor_verify.proof import TABLE_OPTIONS

SERVER_SEED = bytes(range(100, 132))
START = datetime(2026, 11, 25, 12, tzinfo=UTC)
GAME_ID = "01a21293-b600-7000-8000-0000000000ff"  # made at the start
TABLE = {"turn_seconds": None, "reserve_seconds": 0, "spectators": False}
IDLE = timedelta(days=3)

Made = tuple[int, Mapping[str, Any], By, timedelta]


def at(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def player(seat: int) -> str:
    return f"0198c5a0-0000-7000-8000-00000000000{seat}"


def options_of(game: str, **options: Any) -> dict[str, Any]:
    rules = {name: value for name, value in options.items() if name not in TABLE}
    chosen = TABLE | GAMES[game].options(rules) | options
    idle = {"idle_seconds": IDLE // timedelta(seconds=1)} if chosen["turn_seconds"] is None else {}
    return chosen | idle


def dealt(game: str, seats: int, options: Mapping[str, Any]) -> Any:
    rules = {name: value for name, value in options.items() if name not in TABLE_OPTIONS}
    return GAMES[game].deal(game_seed(SERVER_SEED, seeds(seats)), seats, rules)


def seeds(seats: int) -> list[str]:
    return [f"word of seat {seat}" if seat % 2 else "" for seat in range(seats)]


def proof(game: str, seats: int, made: Iterable[Made], **chosen: Any) -> dict[str, Any]:
    """The proof of a game in which these moves were made."""
    rules, options = GAMES[game], options_of(game, **chosen)
    state, moment, moves = dealt(game, seats, options), START, []
    for number, (seat, play, by, after) in enumerate(made, start=1):
        moment += after
        state = applied(rules, state, seat, play).state
        move = {"number": number, "seat": seat, "play": dict(play), "by": by, "at": at(moment)}
        moves.append(move | {"hash": ""})
    result = rules.score(state)
    return resealed(
        {
            "proof": "parlor.proof.v1",
            "log": LOG,
            "shuffle": SHUFFLE,
            "game_id": GAME_ID,
            "game": game,
            "options": options,
            "players": [player(seat) for seat in range(seats)],
            "commitment": hashlib.sha256(SERVER_SEED).hexdigest(),
            "server_seed": SERVER_SEED.hex(),
            "seeds": seeds(seats),
            "moves": moves,
            "head": "",
            "result": {
                "status": rules.status(state),
                "scores": list(result.scores),
                "ranks": list(result.ranks),
                "winners": list(result.winners),
                "rounds": [list(points) for points in result.rounds],
            },
        }
    )


def resealed(changed: Mapping[str, Any]) -> dict[str, Any]:
    """The same with hashes that fit."""
    head = first_head(
        header(
            **{name: changed[name] for name in ("game_id", "game", "options", "players")},
            commitment=changed["commitment"],
            seeds=changed["seeds"],
        )
    )
    moves = []
    for move in changed["moves"]:
        said = {name: value for name, value in move.items() if name != "hash"}
        head = next_head(head, Entry(**said), bytes.fromhex(changed["server_seed"]))
        moves.append(move | {"hash": head.hex()})
    return {**changed, "moves": moves, "head": head.hex()}


def random_moves(
    game: str, seats: int, rng: random.Random, *, forfeit_after: int | None = None, **chosen: Any
) -> Iterator[Made]:
    """Moves to the end; now and then the clock makes one, as the rules say."""
    rules, options = GAMES[game], options_of(game, **chosen)
    state, turn = dealt(game, seats, options), options["turn_seconds"]
    for number in range(50_000):
        seat = rules.turn(state)
        if seat is None:
            return
        if number == forfeit_after:
            yield (seat + 1) % seats, {"action": "forfeit"}, "departure", timedelta(seconds=1)
            return
        named = rules.timeout(state, seat)
        if turn is not None and named is not None and rng.random() < 0.1:
            play = named.body()
            yield seat, play, "clock", timedelta(seconds=turn)
        else:
            legal = [found.body() for found in rules.legal_plays(state, seat)]
            cards = [body for body in legal if body["action"] == "play"]
            play = rng.choice(cards or legal)
            yield seat, play, "player", timedelta(seconds=1)
        state = applied(rules, state, seat, play).state
    raise AssertionError("the game does not end")
