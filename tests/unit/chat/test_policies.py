"""Who may converse, change a message, report one, and give a case to whom."""

from __future__ import annotations

from parlor_chat.case_errors import (
    AssignmentForbidden,
    EditWindowOver,
    MessageDeleted,
    NotReportable,
    NotTheSender,
)
from parlor_chat.errors import NotEntitled
from parlor_chat.policies import (
    may_converse,
    pairs_among,
    refuses_assignment,
    refuses_deletion,
    refuses_edit,
    refuses_report,
)
from parlor_chat.ports import Entitlement
from parlor_kit.ids import UUID, new_id

ANN, BEN, CAT, SHOP = (new_id() for _ in range(4))


def entitled(one: UUID, other: UUID, by: UUID | None = SHOP) -> Entitlement:
    return Entitlement((one, other), by is not None, by)


def test_a_group_is_all_of_its_pairs_once_each_in_one_order() -> None:
    pairs = pairs_among([CAT, ANN, BEN])
    assert pairs == pairs_among([BEN, CAT, ANN])
    assert {frozenset(pair) for pair in pairs} == {
        frozenset({ANN, BEN}),
        frozenset({ANN, CAT}),
        frozenset({BEN, CAT}),
    }


def test_one_pair_that_may_not_refuses_all() -> None:
    assert may_converse([entitled(ANN, BEN), entitled(BEN, CAT)], frozenset())
    assert not may_converse([entitled(ANN, BEN), entitled(BEN, CAT, None)], frozenset())


def test_a_disabled_participant_or_distributor_refuses_whatever_customer_says() -> None:
    for disabled in (ANN, BEN, SHOP):
        assert not may_converse([entitled(ANN, BEN)], {disabled})
    assert may_converse([entitled(ANN, BEN)], {CAT})


def test_an_edit_is_refused_for_the_first_reason_that_applies() -> None:
    fine = {"by_sender": True, "deleted": False, "in_time": True, "conversation_open": True}
    assert refuses_edit(**fine) is None
    for fact, refusal in (
        ("in_time", EditWindowOver),
        ("conversation_open", NotEntitled),
        ("deleted", MessageDeleted),
        ("by_sender", NotTheSender),
    ):
        fine[fact] = not fine[fact]
        assert isinstance(refuses_edit(**fine), refusal)


def test_a_deletion_is_final_and_may_be_repeated_whenever() -> None:
    assert refuses_deletion(by_sender=True, deleted=False, in_time=True) is None
    assert refuses_deletion(by_sender=True, deleted=True, in_time=False) is None
    late = refuses_deletion(by_sender=True, deleted=False, in_time=False)
    assert isinstance(late, EditWindowOver)
    assert isinstance(refuses_deletion(by_sender=False, deleted=True, in_time=True), NotTheSender)


def test_nobody_reports_themselves_or_the_platform() -> None:
    assert refuses_report(sender_id=ANN, reporter_id=BEN) is None
    assert isinstance(refuses_report(sender_id=ANN, reporter_id=ANN), NotReportable)
    assert isinstance(refuses_report(sender_id=None, reporter_id=BEN), NotReportable)


def test_moderators_assign_themselves_and_admins_anybody() -> None:
    for assignee in (None, ANN):
        assert refuses_assignment(actor_id=ANN, role="moderator", assignee_id=assignee) is None
    refused = refuses_assignment(actor_id=ANN, role="moderator", assignee_id=BEN)
    assert isinstance(refused, AssignmentForbidden)
    assert refuses_assignment(actor_id=ANN, role="admin", assignee_id=BEN) is None
