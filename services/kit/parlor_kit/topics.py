"""Makes the topics of kafka/topics.yaml on a broker.

Called by the dev stack and by tests, and run as `python -m parlor_kit.topics` by the charts where
no Strimzi operator makes them; it needs the settings of Kafka alone. What exists is left alone, so
this can run at every start; a topic that has fewer partitions than the file says is widened. No
broker makes a topic by itself.
"""

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import KafkaError

from parlor_kit.kafka import Brokers
from parlor_kit.settings import KafkaSettings

_ALREADY_EXISTS = 36
_VISIBLE_POLLS = 200
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


class TopicsRefused(Exception):
    """The broker answered, and did not make what was asked for."""


@dataclass(frozen=True)
class Topic:
    name: str
    partitions: int
    retention_ms: int


def read_topics(file: Path) -> list[Topic]:
    """Every topic that follows from the file: the listed, and dead letters of each consumer."""
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    dead_letter_retention = milliseconds(content["dead_letters"]["retention"])
    topics: list[Topic] = []
    for row in content["topics"]:
        name, partitions = str(row["topic"]), int(row["partitions"])
        topics.append(Topic(name, partitions, milliseconds(row["retention"])))
        topics += [
            Topic(f"{name}.{consumer}.dlq", partitions, dead_letter_retention)
            for consumer in row["consumers"]
        ]
    return topics


def milliseconds(duration: str) -> int:
    """An ISO 8601 duration of days, hours, minutes and seconds."""
    found = _DURATION.fullmatch(duration)
    if found is None or not any(found.groups()):
        raise ValueError(f"{duration!r} is not an ISO 8601 duration such as P7D or PT12H")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000


async def ensure_topics(brokers: Brokers, topics: Sequence[Topic], *, replication: int = 1) -> None:
    """Make what is missing and return when the broker shows all of it.

    Raises:
        TopicsRefused: the broker said no, or does not show what it said it made.
        KafkaError, OSError: it does not answer.
    """
    client = AIOKafkaAdminClient(**brokers.arguments())
    await client.start()
    try:
        present = await _partitions(client)
        missing = [topic for topic in topics if topic.name not in present]
        if missing:
            _raise_errors(
                await client.create_topics([_new(topic, replication) for topic in missing])
            )
        wider = {
            topic.name: NewPartitions(total_count=topic.partitions)
            for topic in topics
            if 0 < present.get(topic.name, 0) < topic.partitions
        }
        if wider:
            await client.create_partitions(wider)
        for _ in range(_VISIBLE_POLLS):
            visible = await _partitions(client)
            if all(visible.get(topic.name, 0) >= topic.partitions for topic in topics):
                return
            await asyncio.sleep(0.05)
    finally:
        await client.close()
    raise TopicsRefused("kafka does not show the topics that it made")


def _new(topic: Topic, replication: int) -> NewTopic:
    return NewTopic(
        name=topic.name,
        num_partitions=topic.partitions,
        replication_factor=replication,
        topic_configs={"retention.ms": str(topic.retention_ms)},
    )


def _raise_errors(answer: Any) -> None:
    """create_topics does not raise: the error of each topic is in the answer."""
    for name, code, *message in answer.topic_errors:
        if code not in (0, _ALREADY_EXISTS):
            raise TopicsRefused(f"kafka refused topic {name}: error {code} {message}")


async def _partitions(client: AIOKafkaAdminClient) -> dict[str, int]:
    """Partitions of each topic whose leader is known."""
    described = await client.describe_topics()
    return {
        topic["topic"]: sum(1 for part in topic["partitions"] if part["leader"] >= 0)
        for topic in described
        if topic["error_code"] == 0
    }


async def _patiently(
    brokers: Brokers, topics: Sequence[Topic], replication: int, wait: float
) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            return await ensure_topics(brokers, topics, replication=replication)
        except (KafkaError, OSError):
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(1)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m parlor_kit.topics", description="Makes the topics that are missing."
    )
    parser.add_argument("--replication", type=int, default=1, help="brokers that keep each (1)")
    parser.add_argument("--seconds", type=float, default=0, help="wait for Kafka so long (0)")
    arguments = parser.parse_args()
    settings = KafkaSettings.load()
    wanted = read_topics(settings.parlor_schemas_dir / "topics.yaml")
    try:
        asyncio.run(_patiently(settings.brokers, wanted, arguments.replication, arguments.seconds))
    except (TopicsRefused, KafkaError, OSError) as fault:
        print(f"parlor: {fault!r}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"{len(wanted)} topics")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
