"""What an invite and a relationship are at a moment."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parlor_customer.models import Invite, InviteStatus, Relationship
from parlor_kit.clock import now
from parlor_kit.ids import new_id

MOMENT = now()


def invite(**changes: Any) -> Invite:
    given = {
        "id": new_id(),
        "distributor_id": new_id(),
        "token_hash": b"",
        "max_uses": 1,
        "uses": 0,
        "expires_at": MOMENT + timedelta(seconds=1),
        "created_at": MOMENT,
        "revoked_at": None,
    }
    return Invite(**(given | changes))


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "active"),
        ({"uses": 1}, "exhausted"),
        ({"expires_at": MOMENT}, "expired"),
        ({"revoked_at": MOMENT}, "revoked"),
        ({"uses": 1, "expires_at": MOMENT}, "exhausted"),
        ({"uses": 1, "revoked_at": MOMENT}, "revoked"),
    ],
)
def test_an_invite_has_the_first_status_that_holds(changes: dict[str, Any], status: str) -> None:
    assert invite(**changes).status_at(MOMENT) == status


@given(st.booleans(), st.integers(0, 3), st.integers(-2, 2))
def test_an_invite_is_active_only_while_nothing_speaks_against_it(
    revoked: bool, uses: int, seconds: int
) -> None:
    one = invite(
        max_uses=3,
        uses=uses,
        expires_at=MOMENT + timedelta(seconds=seconds),
        revoked_at=MOMENT if revoked else None,
    )
    active = not revoked and uses < 3 and seconds > 0
    assert (one.status_at(MOMENT) is InviteStatus.ACTIVE) is active


def test_a_relationship_is_active_until_it_has_ended() -> None:
    relationship = Relationship(id=new_id(), since=MOMENT, ended_at=None)
    assert relationship.status == "active"
    relationship.ended_at = MOMENT
    assert relationship.status == "ended"
