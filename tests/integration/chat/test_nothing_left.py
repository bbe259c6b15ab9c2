"""Nothing of an expired message is left: in no table, no topic, and not in the account of the run.

The words go every way that words can go here: sent with keys, edited, deleted, delivered, read,
indexed for search, reported, discussed in a case, told of in notices. Then they are old and expire.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import asyncpg
import orjson
import pytest
from factories.chat_archive import ANCIENT, tables_with
from factories.chat_processes import ChatProcesses
from factories.polling import until_true
from factories.topics import records
from parlor_dev import checkout
from parlor_kit.topics import read_topics

pytestmark = pytest.mark.integration


async def topics_with(chat: ChatProcesses, words: Sequence[str]) -> list[str]:
    """Topics with a record that contains any of `words`."""
    topics = read_topics(Path(checkout.kafka_folder()) / "topics.yaml")
    found = []
    for topic in topics:
        told = orjson.dumps(await records(chat.kafka, topic.name)).decode()
        if any(word in told for word in words):
            found.append(topic.name)
    return found


async def test_of_expired_messages_no_word_is_left_in_any_table_or_topic(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, ben, admin = chat.talker(), chat.talker(), chat.talker("admin")
    conversation = await chat.conversation(ann, ben)
    messages = f"/api/v1/conversations/{conversation}/messages"
    sent, edited, deleted, reason, note, told, fresh = words = [f"w{uuid4().hex}" for _ in range(7)]

    async def send(word: str) -> str:
        body = {"body": f"this is {word}", "client_message_id": f"c {word[:8]}"}
        return str((await ann.api.post(messages, body, key=str(uuid4())))["id"])

    first, second = await send(sent), await send(deleted)
    await ann.api.answer("PATCH", f"/api/v1/messages/{first}", {"body": f"now {edited}"})
    await ann.api.delete(f"/api/v1/messages/{second}")
    await ben.api.post(f"/api/v1/messages/{first}/read", {})
    report = {"category": "abuse", "reason": f"because {reason}"}
    await ben.api.post(f"/api/v1/messages/{first}/report", report, key=str(uuid4()))
    case_id = await rows.fetchval("SELECT id FROM cases WHERE conversation_id = $1", conversation)
    case = f"/api/v1/admin/cases/{case_id}"
    await admin.api.post(f"{case}/notes", {"text": f"I think {note}"}, key=str(uuid4()))
    outcome = {"outcome": "warned", "expected_version": 1, "reason": "the rules"}
    await admin.api.post(f"{case}/close", outcome | {"explanation": f"you said {told}"})

    async def indexed() -> bool:
        return "message_search" in await tables_with(rows, [sent])

    await until_true(indexed, seconds=20)
    gone = [word for word in words if word != fresh]
    before = await tables_with(rows, gone)
    assert {"messages", "message_versions", "reports", "case_notes", "notices"} <= set(before)
    age = "UPDATE messages SET sent_at = sent_at - $2::interval WHERE conversation_id = $1"
    await rows.execute(age, conversation, ANCIENT)
    await send(fresh)

    run = await admin.api.post("/api/v1/admin/archive-expiry/run", {})
    assert (run["state"], run["expired"]) == ("finished", 2)
    assert await tables_with(rows, gone) == {}
    assert "messages" in await tables_with(rows, [fresh])
    chunks = await rows.fetch("SELECT content FROM archive_expiry_chunks")
    account = b"".join(zlib.decompress(chunk["content"]) for chunk in chunks).decode()
    assert first in account
    assert not any(word in account for word in words)

    async def published() -> bool:
        return not await rows.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE error IS NULL)")

    await until_true(published, seconds=20)
    assert await topics_with(chat, words) == []
