"""The events of the customer service satisfy their schemas and lie under the customer's key."""

import pytest
from parlor_customer.consumers import REACTS_TO
from parlor_customer.events import TOPIC, relationship_ended, relationship_started
from parlor_customer.models import Relationship
from parlor_dev import checkout
from parlor_kit.clock import now, rfc3339
from parlor_kit.events import EventInvalid, Schemas
from parlor_kit.ids import new_id

SCHEMAS = Schemas(checkout.kafka_folder())


def relationship() -> Relationship:
    return Relationship(
        id=new_id(), distributor_id=new_id(), customer_id=new_id(), invite_id=new_id(), since=now()
    )


def test_events_satisfy_their_schemas() -> None:
    one, ended_at = relationship(), now()
    for event, at in (
        (relationship_started(one), one.since),
        (relationship_ended(one, ended_at), ended_at),
    ):
        SCHEMAS.check(event.type, event.data)
        assert event.topic == TOPIC
        assert event.key == str(one.customer_id)
        assert event.data["at"] == rfc3339(at)


@pytest.mark.parametrize(
    "spoilt", [{"at": "yesterday"}, {"customer_id": "7"}, {"email": "a@b.org"}]
)
def test_schemas_refuse_what_is_wrong_or_too_much(spoilt: dict[str, str]) -> None:
    event = relationship_started(relationship())
    with pytest.raises(EventInvalid):
        SCHEMAS.check(event.type, {**event.data, **spoilt})


def test_the_topic_is_ours_and_every_reaction_is_to_a_topic_that_we_read() -> None:
    assert SCHEMAS.topics[TOPIC].producer == "customer"
    assert "customer" in SCHEMAS.topics["identity.events"].consumers
    assert set(REACTS_TO) <= SCHEMAS.types
    assert all(type_.startswith("account.") for type_ in REACTS_TO)
