"""An account that identity has erased, as its conversations feel it: learnt from Kafka."""

import asyncpg
import pytest
from factories.account_events import TOPIC, account_data
from factories.chat_processes import ChatProcesses
from factories.polling import until_true
from parlor_dev.client import Refused

pytestmark = pytest.mark.integration


async def test_its_messages_become_tombstones_and_its_conversations_are_over(
    chat: ChatProcesses, rows: asyncpg.Connection
) -> None:
    ann, ben = chat.talker(), chat.talker()
    conversation = await chat.conversation(ann, ben)
    path = f"/api/v1/conversations/{conversation}/messages"
    for number in range(3):
        await ann.api.post(path, {"body": f"hers, number {number}"})
        await ben.api.post(path, {"body": f"his, number {number}"})
    await chat.tell(TOPIC, "account.erased", ann.id, account_data("account.erased", ann.id, 2))

    async def hidden() -> bool:
        page = await ben.api.get(path)
        hers = [item for item in page["items"] if item["sender_id"] == str(ann.id)]
        return all(item["body"] == "" and item["deleted_at"] for item in hers)

    await until_true(hidden, 30)
    page = await ben.api.get(path)
    assert [item["seq"] for item in page["items"]] == [1, 2, 3, 4, 5, 6]
    assert [item["body"] for item in page["items"][1::2]] == [f"his, number {n}" for n in range(3)]
    for talker in (ann, ben):
        with pytest.raises(Refused) as refused:
            await talker.api.post(path, {"body": "anybody there?"})
        assert refused.value.code == "not_entitled"

    async def erased() -> bool:
        return not await rows.fetchval(
            "SELECT EXISTS (SELECT FROM messages WHERE sender_id = $1 AND body <> '')", ann.id
        )

    await until_true(erased, 30)
    report = await chat.talker("admin").api.get(f"/api/v1/admin/erasures/{ann.id}")
    assert (report["messages_erased"], report["messages_kept"]) == (3, 0)
