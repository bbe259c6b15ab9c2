"""A poison event lands in the dead-letter topic, the rest flows on, and a command replays it."""

import asyncio
import sys

import asyncpg
import pytest
from factories.people import gather_circle, open_conversation
from factories.polling import until_true
from factories.topics import put, records
from parlor_dev.client import Api
from parlor_dev.stack import Stack

pytestmark = pytest.mark.chaos

DEAD = "game.events.chat.dlq"


async def _dead_letters(stack: Stack, action: str) -> tuple[int, str]:
    """Run chat's own command in the environment that the stack gives its worker."""
    worker = stack.process("chat-worker").command
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "parlor_chat",
        "dead-letters",
        action,
        env=dict(worker.env),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(child.communicate(), 60)
    return child.returncode or 0, output.decode()


async def test_a_poison_event_is_set_aside_and_the_partition_moves_on(
    fragile: Stack, api: Api
) -> None:
    circle = await gather_circle(fragile, api)
    ann, ben = circle.customers
    conversation = await open_conversation(ann, ben)
    before = len(await records(fragile.kafka_bootstrap, DEAD))
    for number in range(12):
        await put(fragile.kafka_bootstrap, "game.events", f"poison-{number}", b"{not json")
    await ann.api.post("/api/v1/games/invites", {"game": "crazy_eights", "invitee_ids": [ben.id]})

    async def the_rest_arrives() -> bool:
        page = await ann.api.get(f"/api/v1/conversations/{conversation}/messages")
        return any(message["kind"] == "system" for message in page["items"])

    await until_true(the_rest_arrives, seconds=30)

    async def all_set_aside() -> bool:
        return len(await records(fragile.kafka_bootstrap, DEAD)) == before + 12

    await until_true(all_set_aside, seconds=30)
    status, listed = await _dead_letters(fragile, "list")
    assert status == 0
    assert "poison-11" in listed
    assert "not a CloudEvent" in listed


async def test_a_replayed_event_is_applied_once_its_cause_is_mended(
    fragile: Stack, api: Api
) -> None:
    circle = await gather_circle(fragile, api)
    ann, ben = circle.customers
    conversation = await open_conversation(ann, ben)
    owner = await asyncpg.connect(fragile.database_url("chat", owner=True))
    before = len(await records(fragile.kafka_bootstrap, DEAD))
    try:
        await owner.execute("ALTER TABLE inbox RENAME TO inbox_away")
        await ann.api.post(
            "/api/v1/games/invites", {"game": "crazy_eights", "invitee_ids": [ben.id]}
        )

        async def set_aside() -> bool:
            return len(await records(fragile.kafka_bootstrap, DEAD)) > before

        await until_true(set_aside, seconds=30)
    finally:
        await owner.execute("ALTER TABLE inbox_away RENAME TO inbox")
        await owner.close()
    page = await ann.api.get(f"/api/v1/conversations/{conversation}/messages")
    assert page["items"] == []
    await _dead_letters(fragile, "replay")
    await _dead_letters(fragile, "replay")
    page = await ann.api.get(f"/api/v1/conversations/{conversation}/messages")
    assert [message["kind"] for message in page["items"]] == ["system"]
