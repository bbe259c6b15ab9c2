"""The topics that a broker gets are those of kafka/topics.yaml and nothing else."""

from pathlib import Path

import pytest
from parlor_dev import checkout
from parlor_kit.topics import Topic, milliseconds, read_topics

_DAY = 24 * 60 * 60 * 1000


def test_a_consumer_gets_a_dead_letter_topic_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "topics.yaml"
    file.write_text(
        "dead_letters: {retention: P30D}\n"
        "topics:\n"
        "- {topic: a.events, partitions: 3, retention: PT12H, consumers: [b]}\n"
        "- {topic: b.events, partitions: 1, retention: P1D, consumers: []}\n"
    )
    assert read_topics(file) == [
        Topic("a.events", 3, _DAY // 2),
        Topic("a.events.b.dlq", 3, 30 * _DAY),
        Topic("b.events", 1, _DAY),
    ]


def test_the_event_map_is_as_agreed() -> None:
    found = {topic.name: topic for topic in read_topics(checkout.kafka_folder() / "topics.yaml")}
    assert sorted(found) == [
        "chat.cases",
        "chat.cases.identity.dlq",
        "chat.events",
        "customer.events",
        "customer.events.chat.dlq",
        "game.events",
        "game.events.chat.dlq",
        "identity.events",
        "identity.events.chat.dlq",
        "identity.events.customer.dlq",
        "identity.events.game.dlq",
    ]
    assert {topic.partitions for topic in found.values()} == {6}
    assert found["chat.events"].retention_ms == 7 * _DAY
    assert found["game.events.chat.dlq"].retention_ms == 30 * _DAY


@pytest.mark.parametrize("text", ["", "P", "PT", "7D", "P7", "P1Y"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        milliseconds(text)


def test_every_part_of_a_duration_counts() -> None:
    assert milliseconds("P1DT2H3M4S") == _DAY + ((2 * 60 + 3) * 60 + 4) * 1000
