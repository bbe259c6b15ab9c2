"""`parlor verify-game` works out what time each player had, and finds a clock that cheats."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from factories.proofs import IDLE, Made, dealt, options_of, proof, resealed
from parlor_rules.catalog import GAMES
from parlor_rules.move_log import UNATTENDED_MOVES, By, applied

Json = dict[str, Any]
Check = Callable[..., tuple[int, list[str], str]]
Mover = tuple[By, float]  # and the seconds before the move

GAME, SEATS = "crazy_eights", 2
FORFEIT = {"action": "forfeit"}


def made(*movers: Mover, then: Json | None = None, **chosen: Any) -> Json:
    """The proof of a game in which everybody plays as the clock would.

    The last move is `then`, by the seat whose turn it is; or else that seat gives up after it.
    """
    rules = GAMES[GAME]
    state, moves = dealt(GAME, SEATS, options_of(GAME, **chosen)), list[Made]()
    for number, (by, seconds) in enumerate(movers, start=1):
        seat = rules.turn(state)
        assert seat is not None
        named = rules.timeout(state, seat)
        assert named is not None
        play = then if then is not None and number == len(movers) else named.body()
        moves.append((seat, play, by, timedelta(seconds=seconds)))
        state = applied(rules, state, seat, play).state
    if (seat := rules.turn(state)) is not None:
        moves.append((seat, FORFEIT, "player", timedelta(seconds=1)))
    return proof(GAME, SEATS, moves, **chosen)


def violation(check: Check, content: Json) -> str | None:
    status, lines, _ = check(content)
    assert (status == 1) == ("VIOLATED" in lines[-1])
    return lines[-1] if status else None


OWN: Mover = ("player", 1)


def test_a_table_without_a_turn_clock_must_have_lain_idle(check: Check) -> None:
    found = violation(check, made(OWN, OWN, ("clock", 1), then=FORFEIT))
    assert found is not None
    assert found.split()[:2] == ["clocks", "VIOLATED"]
    assert "after 1.000 s, and this turn had 259200 s" in found
    late = IDLE.total_seconds()
    assert violation(check, made(OWN, OWN, ("clock", late), then=FORFEIT)) is None


def test_without_a_turn_clock_nobody_is_played_for(check: Check) -> None:
    found = violation(check, made(OWN, ("clock", IDLE.total_seconds())))
    assert found is not None
    assert "when the clock runs out, this seat forfeits" in found


def test_an_older_proof_does_not_say_how_long_a_table_might_lie_idle(check: Check) -> None:
    content = made(OWN, OWN, ("clock", 1), then=FORFEIT)
    del content["options"]["idle_seconds"]
    status, lines, _ = check(resealed(content))
    assert status == 0
    (line,) = [line for line in lines if line.startswith("clocks")]
    assert line.endswith("0 turns ran out, none before its time; of 1 more the proof says no time")


@pytest.mark.parametrize(
    ("movers", "early"),
    [
        ((OWN, ("clock", 31)), True),
        ((OWN, ("clock", 88)), True),
        ((OWN, ("clock", 90)), False),
        # Moves 3 and 4 are of one seat: it took 50 s, and has 40 s of its reserve left.
        ((OWN, OWN, ("player", 50), ("clock", 68)), True),
        ((OWN, OWN, ("player", 50), ("clock", 70)), False),
        ((OWN, OWN, ("clock", 90), ("clock", 28)), True),
        ((OWN, OWN, ("clock", 90), ("clock", 30)), False),
        # Moves 2 and 3 are not: what one has used up is the other's no less.
        ((OWN, ("clock", 90), ("clock", 30)), True),
        ((OWN, ("clock", 90), ("clock", 90)), False),
    ],
)
def test_the_reserve_is_worked_out_from_the_log(
    check: Check, movers: tuple[Mover, ...], early: bool
) -> None:
    content = made(*movers, turn_seconds=30, reserve_seconds=60)
    assert [move["seat"] for move in content["moves"][:4]] == [1, 0, 1, 1][: len(content["moves"])]
    found = violation(check, content)
    assert (found is not None) == early, found
    assert found is None or found.split()[:2] == ["clocks", "VIOLATED"]


def test_the_first_turn_begins_when_the_id_of_the_game_was_made(check: Check) -> None:
    for seconds, early in ((20, True), (30, False)):
        content = made(("clock", seconds), turn_seconds=30)
        found = violation(check, content)
        assert (found is not None) == early, found
        assert violation(check, resealed(content | {"game_id": "no uuid"})) is None


def test_the_clock_forfeits_only_after_so_many_moves_that_nobody_made(check: Check) -> None:
    enough = UNATTENDED_MOVES * SEATS
    idle: Mover = ("clock", 30)
    for unattended in (0, SEATS, enough - 1):
        found = violation(check, made(*[idle] * unattended, idle, then=FORFEIT, turn_seconds=30))
        assert found is not None
        assert "only where nobody plays any more" in found
    assert violation(check, made(*[idle] * enough, idle, then=FORFEIT, turn_seconds=30)) is None
    found = violation(check, made(*[idle] * enough, idle, turn_seconds=30))
    assert found is not None
    assert "this seat forfeits" in found


@pytest.mark.parametrize("seconds", ["20", True, -1, 10**30])
def test_an_option_that_is_no_number_of_seconds_is_named(check: Check, seconds: object) -> None:
    content = made(OWN, turn_seconds=30)
    content["options"]["turn_seconds"] = seconds
    found = violation(check, resealed(content))
    assert found is not None
    assert "option turn_seconds" in found
