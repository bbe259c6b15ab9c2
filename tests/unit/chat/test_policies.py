"""Who may converse: every pair, and nobody who is known to be disabled."""

from __future__ import annotations

from parlor_chat.policies import may_converse, pairs_among
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
