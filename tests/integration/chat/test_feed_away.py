"""No broker and so no feed: sockets still get what another replica commits, within seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from factories.chat_processes import ChatProcesses, chat_processes
from parlor_dev.backing import PostgresBacking
from parlor_dev.client import Closed
from parlor_kit.live_socket import NOT_ENTITLED

pytestmark = pytest.mark.integration

_SOON = 20  # seconds, for a machine that is busy; a look comes every second


@pytest.fixture(scope="module")
async def lonely(
    postgres_server: PostgresBacking, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ChatProcesses]:
    """Two replicas of chat whose broker has never answered."""
    database = await postgres_server.database("chat")
    folder = tmp_path_factory.mktemp("lonely-chat")
    async with chat_processes(database, "127.0.0.1:1", folder, replicas=2) as running:
        yield running


async def test_a_message_reaches_the_sockets_of_the_other_replica(lonely: ChatProcesses) -> None:
    ann, ben = lonely.talker(), lonely.talker()
    conversation_id = await lonely.conversation(ann, ben)
    async with ben.replicas[1].live(f"/api/v1/conversations/{conversation_id}/ws") as his:
        for body in ("Is anybody there?", "I am."):
            await ann.replicas[0].post(
                f"/api/v1/conversations/{conversation_id}/messages", {"body": body}
            )
            async with asyncio.timeout(_SOON):
                assert (await his.next())["event"]["message"]["body"] == body


async def test_a_conversation_that_the_worker_closed_loses_its_sockets(
    lonely: ChatProcesses,
) -> None:
    ann, ben = lonely.talker(), lonely.talker()
    conversation_id = await lonely.conversation(ann, ben)
    rows = await asyncpg.connect(lonely.database.app_url)
    try:
        async with ben.replicas[1].live(f"/api/v1/conversations/{conversation_id}/ws") as his:
            await rows.execute(
                "UPDATE conversations SET status = 'closed' WHERE id = $1", conversation_id
            )
            with pytest.raises(Closed) as closed:
                async with asyncio.timeout(_SOON):
                    await his.next()
            assert closed.value.code == NOT_ENTITLED
    finally:
        await rows.close()
