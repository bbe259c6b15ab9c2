"""Identity's events satisfy the schemas that consumers read."""

from dataclasses import dataclass
from uuid import UUID

import pytest
from parlor_dev import checkout
from parlor_identity import events
from parlor_kit.events import EventInvalid, Schemas
from parlor_kit.ids import new_id


@dataclass(frozen=True)
class State:
    id: UUID
    role: str = "distributor"
    status: str = "active"
    display_name: str = "Card Shop"
    email: str = "shop@example.com"
    version: int = 1


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(checkout.kafka_folder())


@pytest.mark.parametrize(
    ("type_", "status"),
    [
        (events.REGISTERED, "active"),
        (events.CHANGED, "disabled"),
        (events.DISABLED, "disabled"),
        (events.ENABLED, "active"),
    ],
)
def test_each_event_satisfies_its_schema(schemas: Schemas, type_: str, status: str) -> None:
    state = State(new_id(), status=status)
    event = events.account_event(type_, state)
    schemas.check(event.type, event.data)
    assert event.key == str(state.id)
    assert schemas.topics[event.topic].producer == "identity"


def test_a_disabled_account_cannot_be_told_of_as_active(schemas: Schemas) -> None:
    event = events.account_event(events.DISABLED, State(new_id()))
    with pytest.raises(EventInvalid):
        schemas.check(event.type, event.data)
