"""`parlor verify-game FILE`: was this game dealt as promised and played by the rules?

FILE is what `GET /games/{id}/proof` answered, "-" for standard input. A proof alone shows that it
fits together; that it is the proof of the game you played is shown by what you noted meanwhile.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from parlor_verify.event_checks import events, read_events
from parlor_verify.game_checks import CHECKS, Noted, Replay, Violation
from parlor_verify.proof import Proof, Unreadable, hash_of, read_proof

_WIDTH = max(len(check.__name__) for check in CHECKS)


def verify_game(arguments: Sequence[str]) -> int:
    """Say of each check how it came out; stops at the first violation."""
    asked = _parser().parse_args(arguments)
    try:
        proof = read_proof(_content(asked.file))
        noted = Noted(
            hash_of(asked.commitment) if asked.commitment else None,
            frozenset(hash_of(head) for head in asked.head),
        )
        told = read_events(_content(asked.events)) if asked.events else ()
    except (OSError, Unreadable, ValueError) as wrong:
        sys.stderr.write(f"parlor: {asked.file} cannot be checked: {wrong}\n")
        return 2
    _write(f"{proof.game} {proof.game_id}, {len(proof.players)} players, version parlor.proof.v1")
    replay = Replay(proof, noted)
    checks = [(check.__name__, partial(check, replay)) for check in CHECKS]
    if asked.events:
        checks.append(("events", partial(events, replay, asked.seat, told)))
    for name, check in checks:
        try:
            _line(name, "ok", check())
        except Violation as violation:
            _line(name, "VIOLATED", str(violation))
            return 1
    _hands(replay, proof)
    _write("This game was dealt as promised and played by the rules.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="parlor verify-game",
        description="Check the proof of a finished game. Exit 0: it holds; 1: it does not, and "
        "the first violation is named; 2: it cannot be read.",
    )
    parser.add_argument("file", metavar="FILE", help="what /games/{id}/proof answered, or -")
    parser.add_argument(
        "--commitment", metavar="HEX", help="the commitment that you saw in the invite"
    )
    parser.add_argument(
        "--head",
        metavar="HEX",
        action="append",
        default=[],
        help="a log_head that you saw in the game; may be given several times",
    )
    parser.add_argument(
        "--events",
        metavar="FILE",
        help="what /games/{id}/events answered to you, or a list of the frames that you received",
    )
    parser.add_argument(
        "--seat", metavar="N", type=int, default=0, help="the seat of those events; 0 by default"
    )
    return parser


def _content(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


def _hands(replay: Replay, proof: Proof) -> None:
    """The hands that were dealt first: each player can compare their own."""
    dealt = replay.told[0][0]
    for seat, player in enumerate(proof.players):
        hand = " ".join(dealt.private[seat].get("your_hand", ()))
        _write(f"  seat {seat}  {player}  {hand}")


def _line(name: str, outcome: str, words: str) -> None:
    _write(f"{name:<{_WIDTH}}  {outcome:<8}  {words}")


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
