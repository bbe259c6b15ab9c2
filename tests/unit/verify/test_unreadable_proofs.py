"""What is no proof is refused in words, with a status of its own, and never with a traceback."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from factories.proofs import proof, random_moves
from parlor_verify.game import verify_game

Json = dict[str, Any]
Change = Callable[[Json], Any]
Check = Callable[..., tuple[int, list[str], str]]

PLAYED = proof("crazy_eights", 3, random_moves("crazy_eights", 3, random.Random(1)))


def changed(change: Change) -> Json:
    copied = copy.deepcopy(PLAYED)
    change(copied)
    return copied


UNREADABLE: dict[str, bytes | Change] = {
    "nothing": b"",
    "no JSON": b"proof",
    "no object": b"[]",
    "half a file": json.dumps(PLAYED).encode()[:-20],
    "too deep": b"[" * 100_000,
    "a member twice": json.dumps(PLAYED).encode()[:-1] + b', "head": "00"}',
    "a member missing": lambda p: p.pop("seeds"),
    "a member unknown": lambda p: p.update(extra=1),
    "another version": lambda p: p.update(shuffle="parlor.deal.v2"),
    "a move without hash": lambda p: p["moves"][2].pop("hash"),
    "a move with more": lambda p: p["moves"][2].update(extra=1),
    "a fraction of a point": lambda p: p["result"]["scores"].__setitem__(0, 0.5),
    "a fraction in a move": lambda p: p["moves"][2].update(play={"action": "draw", "suit": 1.5}),
    "a fraction in an option": lambda p: p["options"].update(turn_seconds=20.5),
    "a truth for a number": lambda p: p["moves"][2].update(seat=True),
    "a hash in capitals": lambda p: p.update(head=p["head"].upper()),
    "a short seed": lambda p: p.update(server_seed="ab"),
    "a stranger's move": lambda p: p["moves"][2].update(by="bot"),
}


@pytest.mark.parametrize("what", list(UNREADABLE))
def test_what_is_no_proof_is_refused_with_another_status(check: Check, what: str) -> None:
    given = UNREADABLE[what]
    status, lines, complaint = check(given if isinstance(given, bytes) else changed(given))
    assert (status, lines) == (2, [])
    assert "cannot be checked: " in complaint


@pytest.mark.parametrize("depth", [100, 300, 900, 1_100, 20_000])
def test_however_deep_a_move_is_it_is_refused_in_words(check: Check, depth: int) -> None:
    content = json.dumps(changed(lambda p: p["moves"][2].update(play={"action": "DEEP"})))
    deep = content.replace('"DEEP"', "[" * depth + "]" * depth)
    assert check(deep.encode())[0] in {1, 2}


def test_a_file_that_is_not_there_cannot_be_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_game(["/nowhere/proof.json"]) == 2
    assert "No such file" in capsys.readouterr().err


def test_a_noted_hash_must_be_one(check: Check) -> None:
    assert check(PLAYED, "--head", "abc")[0] == 2
