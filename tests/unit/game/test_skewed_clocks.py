"""A replica whose time is not the database's says so well before its clocks are late by it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from parlor_game.usecases.tick_clocks import TickClocks

ASKED = datetime(2026, 11, 25, 12, tzinfo=UTC)
ANSWERED = ASKED + timedelta(milliseconds=20)


@pytest.mark.parametrize(
    ("moment", "skewed"),
    [
        (ASKED - timedelta(milliseconds=200), False),
        (ASKED - timedelta(milliseconds=300), True),
        (ANSWERED + timedelta(milliseconds=200), False),
        (ANSWERED + timedelta(milliseconds=300), True),
    ],
)
def test_a_difference_of_a_quarter_second_is_told(moment: datetime, skewed: bool) -> None:
    nothing: Any = None
    clocks = TickClocks(nothing, nothing, nothing)
    clocks._compare(ASKED, moment, ANSWERED)
    assert clocks._skewed is skewed
