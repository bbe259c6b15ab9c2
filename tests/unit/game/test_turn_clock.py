"""A table's clock: nobody gets or loses time but as agreed, and it always comes to an end."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from parlor_game import turn_clock
from parlor_game.table_options import TableOptions
from parlor_game.turn_clock import Lapse, TurnClock
from parlor_kit.ids import new_id
from parlor_rules.move_log import UNATTENDED_MOVES

START = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAYS = timedelta(days=3)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def clock(turn: int | None = 30, reserve: int = 10, seats: int = 2, first: int = 0) -> TurnClock:
    return turn_clock.started(TableOptions(turn, reserve), seats, first, START, DAYS)


def test_the_first_seat_has_its_turn_and_its_reserve() -> None:
    assert clock().deadline == START + seconds(40)
    assert clock(reserve=0).deadline == START + seconds(30)


def test_a_move_in_time_leaves_the_reserve_as_it_is() -> None:
    after = clock().after(0, 1, START + seconds(30))
    assert after.reserves_ms == (10_000, 10_000)
    assert after.deadline == START + seconds(30 + 40)


def test_what_a_move_takes_beyond_its_turn_comes_out_of_the_movers_reserve() -> None:
    after = clock().after(0, 1, START + seconds(33.5))
    assert after.reserves_ms == (6_500, 10_000)
    assert after.deadline == START + seconds(33.5 + 40)
    again = after.after(1, 0, START + seconds(34))
    assert again.deadline == START + seconds(34 + 36.5)


def test_a_move_that_the_clock_makes_leaves_no_reserve() -> None:
    after = clock().after(0, 0, START + seconds(41))
    assert after.reserves_ms == (0, 10_000)
    assert after.deadline == START + seconds(41 + 30)


def test_no_clock_runs_once_the_game_is_over() -> None:
    over = clock().after(1, None, START + seconds(1))
    assert over.deadline is None
    assert over.after(0, 1, START).deadline is None
    assert turn_clock.due_at(over, START) is None
    assert turn_clock.lapse(over, START + DAYS, reconnect_by=START, unattended=99) is None


def test_without_a_turn_clock_a_table_may_lie_idle_and_then_its_mover_forfeits() -> None:
    idle = clock(turn=None, reserve=0)
    assert idle.deadline == START + DAYS
    ready = turn_clock.lapse(idle, START + DAYS, reconnect_by=None, unattended=0)
    assert ready is Lapse.IDLE
    assert idle.told(["a", "b"])["reserves"] is None


def test_a_seat_that_has_left_is_kept_for_its_window_and_no_longer() -> None:
    by = START + seconds(20)
    assert turn_clock.due_at(clock(), by) == by
    before = turn_clock.lapse(clock(), by - seconds(0.001), reconnect_by=by, unattended=0)
    assert before is None
    assert turn_clock.lapse(clock(), by, reconnect_by=by, unattended=0) is Lapse.DEPARTED
    late = START + seconds(50)
    assert turn_clock.due_at(clock(), late) == START + seconds(40)


def test_an_expired_clock_plays_by_the_rules_until_nobody_seems_to_be_there() -> None:
    end = START + seconds(40)
    for unattended, expected in (
        (0, Lapse.EXPIRED),
        (2 * UNATTENDED_MOVES - 1, Lapse.EXPIRED),
        (2 * UNATTENDED_MOVES, Lapse.UNATTENDED),
    ):
        found = turn_clock.lapse(clock(), end, reconnect_by=None, unattended=unattended)
        assert found is expected
    assert turn_clock.lapse(clock(), end - seconds(0.001), reconnect_by=None, unattended=99) is None


def test_views_name_players_and_count_in_seconds() -> None:
    ada, bob = new_id(), new_id()
    after = clock().after(0, 1, START + seconds(33.5))
    assert after.told([ada, bob]) == {
        "deadline": "2026-11-25T12:01:13.500000Z",
        "reserves": {str(ada): 6.5, str(bob): 10.0},
    }


moves = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0, 200, allow_nan=False, width=32)), max_size=60
)


@given(turn=st.integers(5, 60), reserve=st.integers(0, 60), history=moves)
def test_time_is_neither_made_nor_lost(
    turn: int, reserve: int, history: list[tuple[int, float]]
) -> None:
    """Whatever the moves: a reserve only shrinks, by no more than was used of it, and nobody's
    but the mover's; a deadline is a whole turn and what is left of the next mover's reserve."""
    now, mover = START, 0
    running = clock(turn, reserve, seats=4)
    for following, waited in history:
        before, now = running, now + seconds(waited)
        running = before.after(mover, following, now)
        overrun = max(0.0, waited - turn)
        for seat in range(4):
            spent = (before.reserves_ms[seat] - running.reserves_ms[seat]) / 1000
            if seat != mover:
                assert spent == 0
            else:
                expected = min(overrun, before.reserves_ms[seat] / 1000)
                assert expected <= spent + 1e-5
                assert spent <= expected + 0.001 + 1e-5
            assert running.reserves_ms[seat] >= 0
        assert running.deadline == now + seconds(turn + running.reserves_ms[following] / 1000)
        mover = following


@given(st.integers(5, 86_400), st.integers(0, 3600), st.integers(2, 7))
def test_a_table_that_everybody_has_left_comes_to_its_end(
    turn: int, reserve: int, seats: int
) -> None:
    """Each lapse is a move or the end, and there are only so many moves."""
    running, moment = clock(turn, reserve, seats), START
    for unattended in range(UNATTENDED_MOVES * seats + 1):
        due = turn_clock.due_at(running, None)
        assert due is not None
        assert due > moment
        moment = due
        found = turn_clock.lapse(running, moment, reconnect_by=None, unattended=unattended)
        assert found is not None
        if found is Lapse.UNATTENDED:
            return
        assert found is Lapse.EXPIRED
        running = running.after(unattended % seats, (unattended + 1) % seats, moment)
    raise AssertionError("the clock plays for ever")
