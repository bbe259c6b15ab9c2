"""The loop of a LegalHold against a chat in memory."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from factories.operator_fakes import Crash, FakeHolds, Fuse, after, changed, counted, resource_of
from hypothesis import given
from hypothesis import strategies as st
from parlor_operator.conditions import Holds
from parlor_operator.controllers.legalhold import LegalHoldController
from parlor_operator.reconcile import legalhold as decide
from parlor_operator.reconcile.legalhold import Observed
from parlor_operator.reconcile.resource import Outcome, Resource

ONE, TWO = str(uuid4()), str(uuid4())


class Setting:
    def __init__(self, *conversations: str) -> None:
        self.now = 0.0
        self.holds = FakeHolds(conversations={ONE, TWO})
        self.controller = self.restarted()
        self.uid = str(uuid4())
        self.resource = resource_of(
            "LegalHold",
            self.uid,
            matter="M-1",
            reason="a court asks",
            conversationIds=list(conversations or (ONE,)),
            state="Active",
        )

    def restarted(self) -> LegalHoldController:
        return LegalHoldController(
            self.holds, patience=timedelta(minutes=10), clock=lambda: self.now
        )

    async def reconcile(self, resource: Resource | None = None) -> Outcome:
        outcome = await self.controller.reconcile(resource or self.resource)
        self.resource = after(resource or self.resource, outcome)
        return outcome


def ready(outcome: Outcome) -> tuple[Holds, str]:
    assert outcome.status is not None
    return outcome.status.ready.status, outcome.status.ready.reason


def reasons(outcome: Outcome) -> list[str]:
    return [notice.reason for notice in outcome.notices]


async def test_a_hold_is_placed_under_the_uid_and_counted() -> None:
    setting = Setting(ONE, TWO)
    outcome = await setting.reconcile()
    assert ready(outcome) == (Holds.TRUE, "Held")
    assert setting.resource.status["heldConversations"] == 2
    assert list(setting.holds.holds) == [UUID(setting.uid)]


async def test_what_is_missing_is_named_and_the_rest_is_held() -> None:
    missing = str(uuid4())
    setting = Setting(ONE, missing)
    outcome = await setting.reconcile()
    assert ready(outcome) == (Holds.FALSE, "PartiallyPlaced")
    assert outcome.status
    assert missing in outcome.status.ready.message
    assert setting.resource.status["missingConversationIds"] == [missing]
    setting.holds.conversations.add(missing)
    setting.now += 1000
    assert ready(await setting.reconcile()) == (Holds.TRUE, "Held")
    assert "missingConversationIds" not in setting.resource.status


async def test_chat_is_told_of_a_change_at_once_and_of_the_same_from_time_to_time() -> None:
    setting = Setting()
    await setting.reconcile()
    await setting.reconcile()
    assert setting.holds.puts == 1
    await setting.reconcile(changed(setting.resource, conversationIds=[ONE, TWO]))
    assert setting.holds.puts == 2
    setting.now += 601
    await setting.reconcile()
    assert setting.holds.puts == 3


async def test_a_change_that_chat_did_not_hear_of_is_not_forgotten() -> None:
    setting = Setting()
    await setting.reconcile()
    setting.holds.away = True
    outcome = await setting.reconcile(changed(setting.resource, conversationIds=[ONE, TWO]))
    assert ready(outcome) == (Holds.UNKNOWN, "ChatUnavailable")
    assert outcome.retry
    setting.holds.away = False
    await setting.reconcile()
    assert setting.holds.scopes[UUID(setting.uid)] == {ONE, TWO}


async def test_release_ends_it_once() -> None:
    setting = Setting()
    await setting.reconcile()
    outcome = await setting.reconcile(changed(setting.resource, state="Released"))
    assert ready(outcome) == (Holds.TRUE, "Released")
    assert setting.holds.standing == []
    puts = setting.holds.puts
    assert reasons(await setting.reconcile()) == []
    assert setting.holds.puts == puts


async def test_a_hold_that_somebody_released_is_placed_again_with_a_warning() -> None:
    setting = Setting()
    await setting.reconcile()
    setting.holds.release_out_of_band(UUID(setting.uid))
    outcome = await setting.reconcile()
    assert [(n.type, n.reason) for n in outcome.notices] == [("Warning", "DriftRepaired")]
    assert len(setting.holds.standing) == 1
    setting.controller = setting.restarted()
    assert reasons(await setting.reconcile()) == []
    assert len(setting.holds.holds) == 2


async def test_a_hold_that_somebody_orphaned_is_followed_by_one_of_ours() -> None:
    setting = Setting()
    await setting.reconcile()
    await setting.holds.orphan(UUID(setting.uid))
    assert reasons(await setting.reconcile()) == ["DriftRepaired"]
    assert sum(not hold.orphaned for hold in setting.holds.standing) == 1


async def test_a_hold_that_chat_lost_is_placed_again_with_a_warning() -> None:
    setting = Setting()
    await setting.reconcile()
    setting.holds.holds.clear()
    assert reasons(await setting.reconcile()) == ["HoldLost"]


async def test_whoever_ends_it_a_hundred_times_is_told_of() -> None:
    setting = Setting()
    for _ in range(100):
        await setting.reconcile()
        for key in list(setting.holds.holds):
            setting.holds.release_out_of_band(key)
    outcome = await setting.reconcile()
    assert ready(outcome) == (Holds.FALSE, "Rejected")


@pytest.mark.parametrize("after_effect", [False, True])
async def test_one_hold_after_any_crash(after_effect: bool) -> None:
    setting = Setting()
    setting.holds.fuse = Fuse(at=1, after=after_effect)
    with pytest.raises(Crash):
        await setting.reconcile()
    setting.controller = setting.restarted()
    outcome = await setting.reconcile()
    assert ready(outcome) == (Holds.TRUE, "Held")
    assert reasons(outcome) == ["Held"]
    assert len(setting.holds.holds) == 1


async def test_deleting_an_active_hold_orphans_and_never_releases_it() -> None:
    setting = Setting()
    await setting.reconcile()
    setting.holds.release_out_of_band(UUID(setting.uid))
    await setting.reconcile()
    for _ in range(2):
        assert await setting.controller.finalize(setting.resource, timedelta()) == Outcome()
    [hold] = setting.holds.standing
    assert hold.orphaned


async def test_deleting_a_released_hold_sees_to_its_release() -> None:
    setting = Setting()
    await setting.reconcile()
    released = changed(setting.resource, state="Released")
    await setting.controller.finalize(released, timedelta())
    assert setting.holds.standing == []


@pytest.mark.parametrize(("minutes", "goes"), [(9, False), (10, True)])
async def test_a_deletion_waits_for_chat_but_not_for_ever(minutes: int, goes: bool) -> None:
    setting, before = Setting(), counted("LegalHold")
    await setting.reconcile()
    setting.holds.away = True
    outcome = await setting.controller.finalize(setting.resource, timedelta(minutes=minutes))
    assert (outcome.retry is None) is goes
    assert reasons(outcome) == (["ReleaseAbandoned"] if goes else [])
    assert counted("LegalHold") == before + (0 if goes else 1)
    assert [hold.active for hold in setting.holds.holds.values()] == [True]


moves = st.lists(
    st.sampled_from(["reconcile", "restart", "release", "orphan", "lose", "away", "back"]),
    max_size=12,
)


@given(moves)
async def test_an_active_hold_stands_after_whatever_happened(history: list[str]) -> None:
    setting = Setting()
    for move in history:
        match move:
            case "reconcile":
                await setting.reconcile()
            case "restart":
                setting.controller = setting.restarted()
            case "release":
                for key in list(setting.holds.holds):
                    setting.holds.release_out_of_band(key)
            case "orphan":
                for key, hold in list(setting.holds.holds.items()):
                    setting.holds.holds[key] = replace(hold, orphaned=True)
            case "lose":
                setting.holds.holds.clear()
            case _:
                setting.holds.away = move == "away"
    setting.holds.away = False
    assert ready(await setting.reconcile()) == (Holds.TRUE, "Held")
    assert sum(decide.stands(hold) for hold in setting.holds.holds.values()) == 1


def test_a_plan_for_a_released_resource_without_a_hold_puts_it_on_record() -> None:
    resource = resource_of(
        "LegalHold", str(uuid4()), matter="M", reason="why", custodianIds=[ONE], state="Released"
    )
    plan = decide.plan(resource, Observed(UUID(resource.uid), None))
    assert plan.put is not None
    assert plan.put.released


async def test_a_released_resource_says_until_when_what_it_kept_stays() -> None:
    setting = Setting()
    setting.holds.grace_ends = "2026-12-01T00:00:00.000000Z"
    await setting.reconcile()
    outcome = await setting.reconcile(changed(setting.resource, state="Released"))
    assert outcome.status is not None
    assert outcome.status.ready.message == (
        "The hold was released by operator; what it kept stays until 2026-12-01T00:00:00.000000Z"
    )
    assert setting.resource.status["heldMessages"] == 0
