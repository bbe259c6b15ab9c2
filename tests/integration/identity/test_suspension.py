"""An account that moderators suspended: disabled by the event, and only an admin lifts it."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import orjson
import pytest
from factories.identity_composed import Composed
from factories.identity_replicas import new_email
from parlor_identity import bootstrap
from parlor_identity.errors import InvalidCredentials
from parlor_identity.models import AccountStatus
from parlor_identity.usecases.keep_distributor import Wanted
from parlor_kit.clock import now
from parlor_kit.consumer import Outcome
from parlor_kit.errors import Unauthenticated
from parlor_kit.events import Event, Schemas, envelope
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

KAFKA = Path(__file__).resolve().parents[3] / "kafka"


async def closes(composed: Composed, subject_id: UUID, outcome: str = "suspended") -> Event:
    """Apply what chat tells of a case that was decided about this account."""
    ids = {name: str(new_id()) for name in ("conversation_id", "message_id", "closed_by")}
    case_id = str(new_id())
    data = {**ids, "case_id": case_id, "subject_id": str(subject_id), "outcome": outcome}
    event = Event("chat.cases", "case.closed", case_id, data | {"at": now().isoformat()})
    assert await again(composed, event) is Outcome.APPLIED
    return event


async def again(composed: Composed, event: Event) -> Outcome:
    inbox = bootstrap.inbox(composed.settings, composed.database, Schemas(KAFKA))
    value = envelope(
        event_id=event.id,
        topic=event.topic,
        key=event.key,
        type_=event.type,
        time=event.time,
        data=orjson.dumps(event.data),
        request_id=None,
        traceparent=None,
    )
    return await inbox.apply(event.topic, value)


async def status(composed: Composed, account_id: UUID) -> str:
    (row,) = await composed.rows("SELECT status FROM accounts WHERE id = $1", account_id)
    return str(row["status"])


async def told(composed: Composed, account_id: UUID) -> list[str]:
    rows = await composed.rows(
        "SELECT type FROM outbox WHERE key = $1 ORDER BY id", str(account_id)
    )
    return [row["type"] for row in rows]


async def test_a_suspension_ends_the_sessions_and_tells_the_others_once(
    composed: Composed,
) -> None:
    account_id, email, password = await composed.register()
    granted = await composed.log_in(email, password)
    event = await closes(composed, account_id)
    assert await status(composed, account_id) == "disabled"
    with pytest.raises(InvalidCredentials):
        await composed.log_in(email, password)
    with pytest.raises(Unauthenticated):
        await composed.identity.services.refresh_session(granted.refresh_token)
    assert await again(composed, event) is Outcome.DUPLICATE
    assert await told(composed, account_id) == ["account.registered", "account.disabled"]


@pytest.mark.parametrize("outcome", ["removed", "retained", "warned"])
async def test_no_other_outcome_touches_the_account(composed: Composed, outcome: str) -> None:
    account_id, *_ = await composed.register()
    await closes(composed, account_id, outcome)
    assert await status(composed, account_id) == "active"


async def test_nobody_who_judges_and_nobody_unknown_is_suspended(composed: Composed) -> None:
    admin = await composed.admin()
    await closes(composed, admin.id)
    assert await status(composed, admin.id) == "active"
    await closes(composed, new_id())


async def test_an_admin_lifts_it_and_a_late_repeat_does_not_bring_it_back(
    composed: Composed,
) -> None:
    account_id, email, password = await composed.register()
    event = await closes(composed, account_id)
    admin = await composed.admin()
    lifted = await composed.identity.services.change_status(admin, account_id, AccountStatus.ACTIVE)
    assert (lifted.status, lifted.suspended_for) == ("active", None)
    assert await again(composed, event) is Outcome.DUPLICATE
    assert (await composed.log_in(email, password)).access_token


async def test_a_resource_does_not_end_a_suspension_and_an_admin_does(composed: Composed) -> None:
    keep = composed.identity.services.keep_distributor
    uid, wanted = str(new_id()), Wanted(new_email(), "Card Shop", suspended=False)
    account = (await keep.put(uid, wanted)).account
    await closes(composed, account.id)
    assert (await keep.put(uid, wanted)).account.status == "disabled"
    await composed.identity.services.change_status(
        await composed.admin(), account.id, AccountStatus.ACTIVE
    )
    assert (await keep.put(uid, wanted)).account.status == "active"
