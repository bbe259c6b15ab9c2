"""The events of holds and expiry satisfy their schemas and say nothing that they should not."""

from uuid import uuid4

import pytest
from parlor_chat.retention_events import (
    archive_expiry_ran,
    hold_placed,
    hold_released,
    hold_restored,
)
from parlor_kit.clock import now
from parlor_kit.events import Event, Schemas
from parlor_kit.settings import ServiceSettings

HOLD, CONVERSATION = uuid4(), uuid4()

EVENTS = [
    hold_placed(
        HOLD,
        source="api",
        matter="M-1",
        conversation_ids=[CONVERSATION],
        custodian_ids=[],
        placed_by=str(uuid4()),
        at=now(),
    ),
    hold_placed(
        HOLD,
        source="operator",
        matter="M-1",
        conversation_ids=[],
        custodian_ids=[uuid4()],
        placed_by="operator",
        at=now(),
    ),
    hold_released(
        HOLD,
        key=CONVERSATION,
        source="api",
        matter="M-1",
        released_by="somebody",
        at=now(),
        protects_until=now(),
    ),
    hold_placed(
        HOLD,
        source="api",
        matter="M-1",
        conversation_ids=[],
        custodian_ids=[uuid4()],
        placed_by=str(uuid4()),
        at=now(),
    ),
    hold_restored(HOLD, source="api", matter="M-1", restored_by="somebody", at=now()),
    archive_expiry_ran(
        uuid4(),
        state="interrupted",
        started_at=now(),
        finished_at=now(),
        archived=0,
        expired=0,
        held=0,
        manifest_sha256="0" * 64,
    ),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_every_event_satisfies_its_schema(event: Event) -> None:
    folder = ServiceSettings.model_fields["parlor_schemas_dir"].default
    Schemas(folder).check(event.type, event.data)
    assert event.topic == "chat.events"
    assert "reason" not in event.data


def test_a_hold_of_one_conversation_keeps_its_order_with_the_conversation() -> None:
    assert EVENTS[0].key == EVENTS[2].key == str(CONVERSATION)
    assert EVENTS[1].key == EVENTS[3].key == EVENTS[4].key == str(HOLD)
