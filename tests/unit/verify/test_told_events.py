"""What a player was told must be what the proven game tells that seat, card by card."""

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from factories.proofs import dealt, options_of, proof, random_moves
from parlor_rules.catalog import GAMES
from parlor_rules.move_log import applied, first_head
from parlor_verify.game import verify_game

Json = dict[str, Any]
NAME, SEATS, OPTIONS = "crazy_eights", 3, {"special_cards": True}
PLAYED = proof(NAME, SEATS, random_moves(NAME, SEATS, random.Random(3), **OPTIONS), **OPTIONS)
Check = Callable[..., tuple[int, str]]


def told_to(seat: int) -> list[Json]:
    """The stream of the game for this seat, with what the service adds and a visitor's coming."""
    game = GAMES[NAME]
    state = dealt(NAME, SEATS, options_of(NAME, **OPTIONS))
    events = [event.seen_from(seat) for event in game.opening(state)]
    events[0] |= {"commitment": PLAYED["commitment"], "seeds": PLAYED["seeds"]}
    events[-1]["log_head"] = first_head(
        {"log": PLAYED["log"], "shuffle": PLAYED["shuffle"]}
        | {name: PLAYED[name] for name in ("game_id", "game", "options", "players")}
        | {name: PLAYED[name] for name in ("commitment", "seeds")}
    ).hex()
    for move in PLAYED["moves"]:
        outcome = applied(game, state, move["seat"], move["play"])
        state = outcome.state
        events += [event.seen_from(seat) | {"user_id": "somebody"} for event in outcome.events]
        events[-1]["log_head"] = move["hash"]
    events.insert(4, {"type": "player.connected", "seat": 1})
    events.insert(7, {"type": "game.clock", "stopped_seconds": 3})
    frames = [{"type": "event", "seq": seq, "event": event} for seq, event in enumerate(events, 1)]
    return list(json.loads(json.dumps(frames)))


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Exit status and last words of the command about these events."""

    def run(told: Any, seat: int) -> tuple[int, str]:
        file, events = tmp_path / "proof.json", tmp_path / "events.json"
        file.write_text(json.dumps(PLAYED))
        events.write_text(json.dumps(told))
        status = verify_game([str(file), "--events", str(events), "--seat", str(seat)])
        written = capsys.readouterr()
        found = [line for line in written.out.splitlines() if line.startswith("events")]
        return status, "".join(found) or written.err

    return run


@pytest.mark.parametrize("seat", range(SEATS))
def test_what_was_told_holds_for_its_own_seat_alone(check: Check, seat: int) -> None:
    told = told_to(seat)
    status, line = check(told, seat)
    assert status == 0
    assert f"{len(told) - 2} of {len(told) - 2} events of seat {seat}" in line
    status, line = check({"items": told[:9], "next_cursor": "x"}, seat)
    assert (status, "7 of " in line) == (0, True)
    status, line = check(told, (seat + 1) % SEATS)
    assert (status, "event 1, game.dealt: your_hand was told as" in line) == (1, True)


def drawn(told: list[Json]) -> int:
    return next(n for n, frame in enumerate(told) if "card" in frame["event"] and n > 5)


@pytest.mark.parametrize(
    ("name", "value"), [("card", "2C"), ("hand_size", 52), ("type", "game.passed")]
)
def test_a_lie_about_a_card_is_found(check: Check, name: str, value: object) -> None:
    told = told_to(0)
    lie = copy.deepcopy(told)
    place = drawn(told)
    assert lie[place]["event"][name] != value
    lie[place]["event"][name] = value
    status, line = check(lie, 0)
    assert status == 1
    assert f"{name} was told as {json.dumps(value)}" in line


def test_another_head_another_commitment_and_other_seeds_are_found(check: Check) -> None:
    for name, value in (("log_head", "ab" * 32), ("commitment", "ab" * 32), ("seeds", [])):
        told = told_to(1)
        frame = next(frame for frame in told if name in frame["event"])
        frame["event"][name] = value
        status, line = check(told, 1)
        assert (status, f"{name} was told as" in line) == (1, True)


def test_more_than_there_was_is_found(check: Check) -> None:
    told = told_to(0)
    more = [*told, told[-1] | {"seq": len(told) + 1}]
    status, line = check(more, 0)
    assert (status, "events were told, and the game has" in line) == (1, True)


@pytest.mark.parametrize(
    "told", [[], {}, [1], "x", {"items": 3}, told_to(0)[1:], [{"seq": 1}], [{"seq": 1, "event": 2}]]
)
def test_what_are_no_events_is_refused(check: Check, told: Any) -> None:
    status, words = check(told, 0)
    assert status == 2
    assert "cannot be checked" in words


def test_a_seat_that_is_not_there_is_refused(check: Check) -> None:
    assert check(told_to(0), 7)[0] == 1
