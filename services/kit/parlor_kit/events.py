"""Events: what a service tells the others, as CloudEvents 1.0 in JSON with a schema each.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md — structured
mode. `kafka/topics.yaml` says which topic a producer owns; `kafka/schemas/<type>.v1.json` is the
JSON Schema of `data`, checked when an event enters the outbox and again when it is consumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import orjson
import yaml

from parlor_kit.clock import now, rfc3339
from parlor_kit.ids import new_id


class EventInvalid(Exception):
    """The event is no CloudEvent of ours, or its data breaks the schema of its type."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the stream `key`, on `topic`."""

    topic: str
    type: str
    key: str
    data: Mapping[str, Any]
    id: UUID = field(default_factory=new_id)
    time: datetime = field(default_factory=now)
    request_id: str | None = None
    traceparent: str | None = None


# Record header: where in its stream an event stands, so that a reader who is past it need not
# parse it.
SEQ_HEADER = "seq"


def seq_headers(data: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """The headers of a record whose `data` names a place in a stream; none for others."""
    seq = data.get("event_seq", data.get("seq"))
    return [(SEQ_HEADER, str(seq).encode())] if isinstance(seq, int) else []


def envelope(
    *,
    event_id: UUID,
    topic: str,
    key: str,
    type_: str,
    time: datetime,
    data: bytes,
    request_id: str | None,
    traceparent: str | None,
) -> bytes:
    """The CloudEvent as it goes to Kafka; `data` is JSON already, copied as it stands."""
    head = {
        "specversion": "1.0",
        "id": str(event_id),
        "source": f"parlor/{topic.partition('.')[0]}",
        "type": type_,
        "subject": key,
        "time": rfc3339(time),
        "datacontenttype": "application/json",
        "dataschema": f"parlor:{type_}.v1",
    }
    if request_id:
        head["requestid"] = request_id
    if traceparent:
        head["traceparent"] = traceparent
    return orjson.dumps(head)[:-1] + b',"data":' + data + b"}"


def parse(topic: str, value: bytes | None) -> Event:
    """The event in a Kafka record; raises `EventInvalid` for anything else."""
    try:
        raw = orjson.loads(value or b"")
        if raw["specversion"] != "1.0" or not isinstance(raw["data"], dict):
            raise EventInvalid("not a CloudEvents 1.0 document with JSON data")
        return Event(
            topic=topic,
            type=str(raw["type"]),
            key=str(raw["subject"]),
            data=raw["data"],
            id=UUID(raw["id"]),
            time=datetime.fromisoformat(raw["time"]),
            request_id=raw.get("requestid"),
            traceparent=raw.get("traceparent"),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise EventInvalid(f"not a CloudEvent: {wrong}") from wrong


@dataclass(frozen=True, slots=True)
class Topic:
    """A row of kafka/topics.yaml."""

    topic: str
    key: str
    partitions: int
    retention: str
    producer: str
    consumers: tuple[str, ...]

    def dead_letters(self, consumer: str) -> str:
        return f"{self.topic}.{consumer}.dlq"


class Schemas:
    """Topics and schemas as the `kafka/` folder states them, compiled once a process."""

    def __init__(self, folder: Path) -> None:
        rows = yaml.safe_load((folder / "topics.yaml").read_text())["topics"]
        self.topics = {
            row["topic"]: Topic(
                topic=row["topic"],
                key=row["key"],
                partitions=row["partitions"],
                retention=row["retention"],
                producer=row["producer"],
                consumers=tuple(row.get("consumers") or ()),
            )
            for row in rows
        }
        self._validators = {
            path.name.removesuffix(".v1.json"): jsonschema_rs.validator_for(
                orjson.loads(path.read_bytes()), validate_formats=True, mask="the value"
            )
            for path in sorted((folder / "schemas").glob("*.v1.json"))
        }

    @property
    def types(self) -> frozenset[str]:
        return frozenset(self._validators)

    def check(self, type_: str, data: Mapping[str, Any]) -> None:
        """Raise `EventInvalid` unless `data` satisfies the schema of `type_`."""
        validator = self._validators.get(type_)
        if validator is None:
            raise EventInvalid(f"no schema for the event type {type_}")
        error = next(iter(validator.iter_errors(data)), None)
        if error is not None:
            where = "/".join(str(part) for part in error.instance_path) or "data"
            raise EventInvalid(f"{type_}: {where}: {error.message}")
