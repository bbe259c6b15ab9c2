"""An event map of a test's own: one topic, one type, one consumer, apart from the platform's."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import orjson
from parlor_kit.events import Event, Schemas
from parlor_kit.kafka import Brokers
from parlor_kit.topics import Topic, ensure_topics

TYPE = "thing.happened"

_TOPICS = """
dead_letters:
  retention: P1D
topics:
  - topic: {topic}
    key: thing id
    partitions: {partitions}
    retention: P1D
    producer: {producer}
    consumers: [{consumer}]
"""

_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["number"],
    "properties": {"number": {"type": "integer"}, "padding": {"type": "string"}},
}


@dataclass(frozen=True)
class EventMap:
    """A kafka/ folder with `topic`, whose only type is TYPE and whose only reader is `consumer`."""

    folder: Path
    topic: str
    consumer: str
    partitions: int

    @property
    def schemas(self) -> Schemas:
        return Schemas(self.folder)

    @property
    def dead_letters(self) -> str:
        return f"{self.topic}.{self.consumer}.dlq"

    def event(self, number: int, key: str = "a", **more: object) -> Event:
        return Event(self.topic, TYPE, key, {"number": number, **more})

    async def make_topics(self, bootstrap: str) -> None:
        names = (self.topic, self.dead_letters)
        await ensure_topics(
            Brokers(bootstrap), [Topic(name, self.partitions, 24 * 3600 * 1000) for name in names]
        )


def event_map(folder: Path, *, partitions: int = 1) -> EventMap:
    """A new one in `folder`, under names that no other test has."""
    name = secrets.token_hex(4)
    made = EventMap(folder, f"things-{name}.events", f"reader-{name}", partitions)
    (folder / "schemas").mkdir()
    (folder / "schemas" / f"{TYPE}.v1.json").write_bytes(orjson.dumps(_SCHEMA))
    (folder / "topics.yaml").write_text(
        _TOPICS.format(
            topic=made.topic,
            consumer=made.consumer,
            producer=made.topic.partition(".")[0],
            partitions=partitions,
        )
    )
    return made
