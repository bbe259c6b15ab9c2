"""Topics and schemas: the one list of what services tell each other."""

from importlib import import_module
from pathlib import Path

import orjson
from parlor_kit.events import Schemas

KAFKA = Path(__file__).resolve().parents[2] / "kafka"
SERVICES = ("identity", "customer", "game", "chat")

TYPES = {
    "account.registered",
    "account.disabled",
    "account.enabled",
    "account.changed",
    "account.administered",
    "account.erased",
    "relationship.started",
    "relationship.ended",
    "relationship.party_erased",
    "game.invited",
    "game.invite_declined",
    "game.invite_expired",
    "game.started",
    "game.advanced",
    "game.finished",
    "game.player_erased",
    "conversation.created",
    "conversation.closed",
    "conversation.reopened",
    "message.sent",
    "message.delivered",
    "message.read",
    "message.edited",
    "message.deleted",
    "case.opened",
    "case.closed",
    "notice.given",
    "hold.placed",
    "hold.released",
    "hold.restored",
    "archive_expiry.ran",
}

# Words that would put what people wrote or hold into a topic.
SECRET_FIELDS = {"body", "text", "hand", "hands", "card", "cards", "password", "token", "seed"}


def test_each_service_has_its_topic_and_every_consumer_exists() -> None:
    topics = Schemas(KAFKA).topics
    assert {name: topic.producer for name, topic in topics.items()} == {
        **{f"{service}.events": service for service in SERVICES},
        "chat.cases": "chat",
    }
    for topic in topics.values():
        assert set(topic.consumers) <= set(SERVICES) - {topic.producer}


def test_every_event_type_has_a_schema() -> None:
    assert Schemas(KAFKA).types >= TYPES


def test_schemas_are_closed_and_carry_neither_text_nor_cards() -> None:
    for path in sorted((KAFKA / "schemas").glob("*.json")):
        schema = orjson.loads(path.read_bytes())
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema", path.name
        assert schema["type"] == "object", path.name
        assert schema["additionalProperties"] is False, path.name
        assert schema.get("description"), path.name
        assert not SECRET_FIELDS & set(schema["properties"]), path.name


def test_every_reaction_is_to_an_event_that_somebody_emits() -> None:
    emitted = Schemas(KAFKA).types
    for service in SERVICES:
        reactions = set(import_module(f"parlor_{service}.consumers").REACTS_TO)
        assert reactions, service
        assert reactions <= emitted, service
