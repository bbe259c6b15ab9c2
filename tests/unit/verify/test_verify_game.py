"""`parlor verify-game` finds whatever was changed in a finished game, and says what it is."""

import copy
import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from factories.proofs import proof, random_moves, resealed
from hypothesis import given, settings
from hypothesis import strategies as st
from parlor_game.table_options import NAMES
from parlor_rules.catalog import GAMES
from parlor_verify.__main__ import COMMANDS
from parlor_verify.game import verify_game
from parlor_verify.game_checks import CHECKS, Noted, Replay, Violation
from parlor_verify.proof import TABLE_OPTIONS, Unreadable, read_proof

Json = dict[str, Any]
Change = Callable[[Json], Any]
Check = Callable[..., tuple[int, list[str], str]]


def played(game: str, seats: int, number: int = 1, **options: Any) -> Json:
    rng = random.Random(number)
    return proof(game, seats, random_moves(game, seats, rng, **options), **options)


PLAYED = played("crazy_eights", 3, turn_seconds=20, special_cards=True)


def test_it_is_a_command() -> None:
    assert COMMANDS["verify-game"][1] is verify_game


def test_it_knows_the_options_that_the_rules_never_see() -> None:
    assert TABLE_OPTIONS == NAMES


@pytest.mark.parametrize("name", list(GAMES))
@pytest.mark.parametrize("clock", [None, 30])
def test_a_game_as_it_was_played_holds(check: Check, name: str, clock: int | None) -> None:
    for seats in {GAMES[name].seats[0], GAMES[name].seats[-1]}:
        status, lines, _ = check(played(name, seats, turn_seconds=clock))
        assert status == 0, lines
        assert [line.split()[:2] for line in lines[1:7]] == [
            [name, "ok"] for name in ("commitment", "deal", "log", "moves", "clocks", "score")
        ]
        assert lines[-1] == "This game was dealt as promised and played by the rules."


def test_the_hands_that_were_dealt_are_shown_for_every_player(check: Check) -> None:
    _, lines, _ = check(PLAYED)
    hands = [line.split()[2:] for line in lines if line.startswith("  seat")]
    assert [hand[0] for hand in hands] == PLAYED["players"]
    assert [len(hand) - 1 for hand in hands] == [5, 5, 5]


@pytest.mark.parametrize("by", ["player", "departure"])
def test_a_game_that_was_given_up_holds(check: Check, by: Any) -> None:
    moves = list(random_moves("crazy_eights", 4, random.Random(3), forfeit_after=9))
    seat, play, _, after = moves.pop()
    status, lines, _ = check(proof("crazy_eights", 4, [*moves, (seat, play, by, after)]))
    assert status == 0, lines
    assert "abandoned" in lines[6]


def test_what_was_noted_in_the_game_must_be_in_the_proof(check: Check) -> None:
    heads = [move["hash"] for move in PLAYED["moves"]]
    noted = ["--commitment", PLAYED["commitment"], "--head", heads[3], "--head", heads[-1]]
    status, lines, _ = check(PLAYED, *noted)
    assert (status, "2 of them noted by you" in lines[3]) == (0, True)
    other = "ab" * 32
    status, lines, _ = check(PLAYED, "--head", other)
    assert (status, lines[-1].split()[:2]) == (1, ["log", "VIOLATED"])
    assert other in lines[-1]
    status, lines, _ = check(PLAYED, "--commitment", other)
    assert (status, lines[-1].split()[:2]) == (1, ["commitment", "VIOLATED"])


def changed(change: Change, *, reseal: bool = False) -> Json:
    copied = copy.deepcopy(PLAYED)
    change(copied)
    return resealed(copied) if reseal else copied


def other_seed(content: Json) -> None:
    """A secret of the server that suits it better, promised in hindsight."""
    content["server_seed"] = "cd" * 32
    content["commitment"] = hashlib.sha256(bytes.fromhex("cd" * 32)).hexdigest()


def swap_moves(content: Json) -> None:
    moves = content["moves"]
    moves[3], moves[4] = moves[4], moves[3]


def first_by_clock(content: Json) -> Json:
    return next(move for move in content["moves"][1:] if move["by"] == "clock")


def a_choice(content: Json) -> Json:
    """A move that nobody's clock would have made."""
    return next(move for move in content["moves"] if len(move["play"]) == 3)


TAMPERED: dict[str, tuple[Change, bool, str, str]] = {
    "another server seed": (
        lambda p: p.update(server_seed="cd" * 32),
        False,
        "commitment",
        "has the hash",
    ),
    "another commitment": (
        lambda p: p.update(commitment="cd" * 32),
        True,
        "commitment",
        "not cdcd",
    ),
    "a game dealt in hindsight": (other_seed, True, "moves", "move 1"),
    "another word of a player": (lambda p: p["seeds"].__setitem__(1, "x"), False, "log", "hash"),
    "a word that nobody may say": (
        lambda p: p["seeds"].__setitem__(1, "Glück"),
        True,
        "deal",
        "seed of seat 1",
    ),
    "a word too few": (lambda p: p["seeds"].pop(), True, "deal", "3 players have 2 seeds"),
    "an option switched": (
        lambda p: p["options"].update(special_cards=False),
        False,
        "log",
        "hash",
    ),
    "an option unknown": (lambda p: p["options"].update(open=True), True, "deal", "unknown"),
    "an option dropped": (
        lambda p: p["options"].pop("special_cards"),
        True,
        "deal",
        "is missing",
    ),
    "another game": (lambda p: p.update(game="bridge"), True, "deal", "no game 'bridge'"),
    "a player too few": (
        lambda p: (p["players"].pop(), p["seeds"].pop()),
        True,
        "moves",
        "move",
    ),
    "a player on two seats": (
        lambda p: p["players"].__setitem__(1, p["players"][0]),
        True,
        "deal",
        "two seats",
    ),
    "another player": (
        lambda p: p["players"].__setitem__(1, p["game_id"]),
        False,
        "log",
        "move 1 ",
    ),
    "another name of the game": (lambda p: p.update(game_id="x"), False, "log", "move 1 "),
    "a move changed": (
        lambda p: p["moves"][6].update(play={"action": "play", "card": "2C"}),
        False,
        "log",
        "move 7 ",
    ),
    "a move of another seat": (
        lambda p: p["moves"][6].update(seat=(p["moves"][6]["seat"] + 1) % 3),
        False,
        "log",
        "move 7 ",
    ),
    "a move at another time": (
        lambda p: p["moves"][6].update(at="2026-11-25T13:00:00.000000Z"),
        False,
        "log",
        "move 7 ",
    ),
    "a move by another": (lambda p: p["moves"][6].update(by="departure"), False, "log", "move 7 "),
    "a hash changed": (lambda p: p["moves"][6].update(hash="ab" * 32), False, "log", "move 7 "),
    "a move dropped": (lambda p: p["moves"].pop(6), False, "log", "move 7 says"),
    "a move slipped in": (
        lambda p: p["moves"].insert(6, p["moves"][6]),
        False,
        "log",
        "move 8 says",
    ),
    "two moves swapped": (swap_moves, False, "log", "move 4 says"),
    "the last move dropped": (lambda p: p["moves"].pop(), False, "log", "the log ends with"),
    "the end dropped": (lambda p: p["moves"].pop(), True, "score", "the game goes on"),
    "another head": (lambda p: p.update(head="ab" * 32), False, "log", "the log ends with"),
    "an illegal move": (
        lambda p: p["moves"][6].update(play={"action": "pass"}),
        True,
        "moves",
        "move 7, seat",
    ),
    "no move at all": (
        lambda p: p["moves"][6].update(play={"action": "cheat"}),
        True,
        "moves",
        "action: must be",
    ),
    "a move of numbers": (
        lambda p: p["moves"][6].update(play={"action": "pass_cards", "cards": [1]}),
        True,
        "moves",
        "cards: must be a list of cards",
    ),
    "a move out of turn": (
        lambda p: p["moves"][6].update(seat=(p["moves"][6]["seat"] + 1) % 3),
        True,
        "moves",
        "it is the turn of seat",
    ),
    "a seat that is not there": (
        lambda p: p["moves"][6].update(seat=3),
        True,
        "moves",
        "no such seat",
    ),
    "a move after the end": (
        lambda p: p["moves"].append(p["moves"][-1] | {"number": len(p["moves"]) + 1}),
        True,
        "moves",
        "The game has ended",
    ),
    "a play of somebody who has left": (
        lambda p: p["moves"][0].update(by="departure"),
        True,
        "moves",
        "can only forfeit",
    ),
    "a clock that chooses": (
        lambda p: a_choice(p).update(by="clock"),
        True,
        "moves",
        "when the clock runs out",
    ),
    "a clock that ran out early": (
        lambda p: first_by_clock(p).update(at=p["moves"][0]["at"]),
        True,
        "clocks",
        "this turn had 20 s",
    ),
    "no time": (
        lambda p: first_by_clock(p).update(at="noon"),
        True,
        "clocks",
        "is no time",
    ),
    "another status": (
        lambda p: p["result"].update(status="abandoned"),
        False,
        "score",
        "status: abandoned",
    ),
    "other scores": (
        lambda p: p["result"]["scores"].__setitem__(0, 5),
        False,
        "score",
        "scores: 5,",
    ),
    "other ranks": (lambda p: p["result"]["ranks"].reverse(), False, "score", "ranks:"),
    "another winner": (lambda p: p["result"].update(winners=[]), False, "score", "winners:"),
    "another round": (lambda p: p["result"]["rounds"].clear(), False, "score", "rounds:"),
}


@pytest.mark.parametrize("what", list(TAMPERED))
def test_every_kind_of_tampering_is_found_and_named(check: Check, what: str) -> None:
    change, reseal, where, said = TAMPERED[what]
    status, lines, _ = check(changed(change, reseal=reseal))
    assert status == 1, what
    assert lines[-1].split()[:2] == [where, "VIOLATED"], lines[-1]
    assert said in lines[-1]
    assert sum("VIOLATED" in line for line in lines) == 1


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each text, number, truth and null of the proof."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for key, item in enumerate(value) for leaf in leaves(item, (*path, key))]
    return [path]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(leaves(PLAYED)), st.randoms(use_true_random=False))
def test_no_value_of_a_proof_can_be_changed_unnoticed(
    path: tuple[Any, ...], rng: random.Random
) -> None:
    content = copy.deepcopy(PLAYED)
    place: Any = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = other(place[path[-1]], rng)
    assert status_of(content) != 0


def other(value: Any, rng: random.Random) -> Any:
    """A value of the same kind that is not the same."""
    match value:
        case bool():
            return not value
        case int():
            return value + rng.choice((-1, 1))
        case str() if value:
            position = rng.randrange(len(value))
            sign = rng.choice([one for one in "0123456789abcdefQ" if one != value[position]])
            return value[:position] + sign + value[position + 1 :]
        case str():
            return "x"
    return 7


def status_of(content: Json) -> int:
    try:
        replay = Replay(read_proof(json.dumps(content).encode()), Noted())
        for one in CHECKS:
            one(replay)
    except Unreadable:
        return 2
    except Violation:
        return 1
    return 0
