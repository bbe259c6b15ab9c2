"""An AsyncAPI 3 document of all topics and live sockets.

Topics are made from `kafka/topics.yaml` and `kafka/schemas/`, sockets from the route tables.

https://www.asyncapi.com/docs/reference/specification/v3.0.0 — docs/asyncapi.json is this
function's output; a test compares the two.
"""

from pathlib import Path
from typing import Any

import orjson

from parlor_kit import asyncapi_sockets
from parlor_kit.events import Schemas

# Which topic an event type travels on, by the first word of the type.
_NOUNS = {
    "account": "identity.events",
    "relationship": "customer.events",
    "game": "game.events",
    "conversation": "chat.events",
    "message": "chat.events",
    "hold": "chat.events",
    "archive_expiry": "chat.events",
    "case": "chat.cases",
    "notice": "chat.cases",
}


def topic_of(type_: str) -> str:
    """The topic of an event type."""
    return _NOUNS[type_.partition(".")[0]]


def document(folder: Path, sockets: asyncapi_sockets.Sockets, *, version: str) -> dict[str, Any]:
    """The document of the `kafka/` folder at `folder`, and of the sockets of each service."""
    schemas = Schemas(folder)
    types = sorted(schemas.types)
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for name, topic in schemas.topics.items():
        own = [type_ for type_ in types if topic_of(type_) == name]
        channel = f"#/channels/{name}"
        channels[name] = {
            "address": name,
            "description": f"Key: {topic.key}. Retention {topic.retention}.",
            "messages": {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in own},
            "bindings": {"kafka": {"partitions": topic.partitions}},
        }
        operations[f"{topic.producer}.sends.{name}"] = {
            "action": "send",
            "channel": {"$ref": channel},
            "summary": f"{topic.producer} tells what happened, through its outbox.",
        }
        for consumer in topic.consumers:
            operations[f"{consumer}.receives.{name}"] = {
                "action": "receive",
                "channel": {"$ref": channel},
                "summary": f"{consumer} applies each event once; failures go to "
                f"{topic.dead_letters(consumer)}.",
            }
    live = asyncapi_sockets.parts(sockets)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Parlor events and live sockets", "version": version},
        "defaultContentType": "application/cloudevents+json",
        "channels": channels | live["channels"],
        "operations": operations | live["operations"],
        "components": {
            "messages": {type_: _message(folder, type_) for type_ in types} | live["messages"],
            "schemas": live["schemas"],
        },
    }


def _message(folder: Path, type_: str) -> dict[str, Any]:
    schema = orjson.loads((folder / "schemas" / f"{type_}.v1.json").read_bytes())
    return {
        "name": type_,
        "summary": schema.get("description", ""),
        "contentType": "application/cloudevents+json",
        "payload": {
            "type": "object",
            "description": "CloudEvents 1.0, structured mode.",
            "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"type": "string", "format": "uuid"},
                "source": {"type": "string"},
                "type": {"const": type_},
                "subject": {"type": "string", "description": "The record's key."},
                "time": {"type": "string", "format": "date-time"},
                "dataschema": {"const": f"parlor:{type_}.v1"},
                "requestid": {"type": "string"},
                "traceparent": {"type": "string"},
                "data": {key: value for key, value in schema.items() if key != "$schema"},
            },
        },
    }
