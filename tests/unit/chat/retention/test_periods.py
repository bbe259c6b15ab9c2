"""Which periods a run may have."""

from datetime import timedelta
from uuid import uuid4

import pytest
from parlor_chat.retention_errors import EarlyExpiryForbidden
from parlor_chat.usecases.run_archive_expiry import Periods, RunOrder
from parlor_kit.errors import ValidationFailed

USUAL = Periods(timedelta(days=30), timedelta(days=365))
EARLY = Periods(timedelta(days=30), timedelta(days=365), early=True)
NOW = timedelta(0)
NAMED = [uuid4()]


def test_an_order_without_periods_has_the_usual_ones() -> None:
    assert USUAL.ordered(RunOrder()) == USUAL


def test_longer_periods_are_always_allowed() -> None:
    order = RunOrder(archive_after=timedelta(days=60), expire_after=timedelta(days=400))
    assert USUAL.ordered(order) == Periods(timedelta(days=60), timedelta(days=400))


@pytest.mark.parametrize(
    ("periods", "order"),
    [
        (USUAL, RunOrder(archive_after=NOW)),
        (USUAL, RunOrder(conversation_ids=NAMED, archive_after=NOW)),
        (USUAL, RunOrder(conversation_ids=NAMED, archive_after=NOW, expire_after=NOW)),
        (EARLY, RunOrder(archive_after=NOW, expire_after=NOW)),
        (EARLY, RunOrder(archive_after=NOW)),
    ],
)
def test_shorter_ones_are_refused_unless_allowed_and_for_named_conversations(
    periods: Periods, order: RunOrder
) -> None:
    with pytest.raises(EarlyExpiryForbidden):
        periods.ordered(order)


def test_named_conversations_may_expire_early_where_that_is_allowed() -> None:
    order = RunOrder(conversation_ids=NAMED, archive_after=NOW, expire_after=NOW)
    assert EARLY.ordered(order) == Periods(NOW, NOW)


def test_nothing_expires_before_it_is_archived() -> None:
    with pytest.raises(ValidationFailed):
        EARLY.ordered(RunOrder(conversation_ids=NAMED, expire_after=timedelta(days=1)))
