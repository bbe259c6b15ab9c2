"""Conditions as KEP-1623 has them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parlor_operator.conditions import (
    LONGEST_MESSAGE,
    READY,
    Condition,
    Holds,
    Status,
    find,
    merged,
    write,
)

AT = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)
YES = Condition(READY, Holds.TRUE, "Provisioned", "all is well")
NO = Condition(READY, Holds.FALSE, "Conflict", "taken")


def test_a_new_condition_is_complete() -> None:
    assert merged([], [YES], 3, AT) == [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Provisioned",
            "message": "all is well",
            "lastTransitionTime": "2026-11-25T12:00:00Z",
            "observedGeneration": 3,
        }
    ]


def test_the_transition_time_moves_with_the_status_alone() -> None:
    first = merged([], [YES], 1, AT)
    reworded = Condition(READY, Holds.TRUE, "Suspended", "disabled")
    second = merged(first, [reworded], 2, LATER)
    assert second[0]["lastTransitionTime"] == "2026-11-25T12:00:00Z"
    assert (second[0]["reason"], second[0]["observedGeneration"]) == ("Suspended", 2)
    third = merged(second, [NO], 2, LATER)
    assert third[0]["lastTransitionTime"] == "2026-11-25T12:01:00Z"


def test_conditions_of_others_stay_as_they_are_and_where_they_are() -> None:
    foreign = {"type": "Audited", "status": "True", "reason": "Yes", "message": "", "extra": 1}
    written = merged([foreign], [YES, Condition("HoldPlaced", Holds.TRUE, "A", "")], 1, AT)
    assert written[0] == foreign
    assert [each["type"] for each in written] == ["Audited", "Ready", "HoldPlaced"]


def test_a_long_message_is_cut() -> None:
    [written] = merged([], [Condition(READY, Holds.TRUE, "A", "m" * 5000)], 1, AT)
    assert len(written["message"]) == LONGEST_MESSAGE


def test_what_was_observed_of_a_later_generation_is_left_alone() -> None:
    status: dict[str, Any] = {}
    write(status, Status((NO,), {"accountId": "b"}), 5, AT)
    before = dict(status)
    write(status, Status((YES,), {"accountId": "a"}), 4, LATER)
    assert status == before


def test_a_field_that_is_none_is_removed() -> None:
    status: dict[str, Any] = {"secretName": "x", "accountId": "a"}
    write(status, Status((YES,), {"secretName": None}), 1, AT)
    assert "secretName" not in status
    assert status["accountId"] == "a"


@pytest.mark.parametrize("broken", [{}, {"conditions": None}, {"conditions": [{"type": READY}]}])
def test_a_status_that_says_nothing_has_no_condition(broken: dict[str, Any]) -> None:
    assert find(broken, READY) is None


statuses = st.builds(
    Status,
    st.lists(
        st.builds(
            Condition,
            st.sampled_from(["Ready", "HoldPlaced", "AccountProvisioned"]),
            st.sampled_from(Holds),
            st.sampled_from(["One", "Other"]),
            st.text(max_size=5),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda each: each.type,
    ),
    st.dictionaries(st.sampled_from(["a", "b"]), st.none() | st.integers(), max_size=2),
)


@given(st.lists(statuses, min_size=1, max_size=5))
def test_writing_the_same_again_changes_nothing(history: list[Status]) -> None:
    status: dict[str, Any] = {}
    for wanted in history:
        write(status, wanted, 1, AT)
    before = {**status, "conditions": [dict(each) for each in status["conditions"]]}
    write(status, history[-1], 1, LATER)
    assert status == before
    types = [each["type"] for each in status["conditions"]]
    assert len(types) == len(set(types))
    assert find(status, history[-1].conditions[0].type) == history[-1].conditions[0]
