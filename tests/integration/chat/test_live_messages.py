"""What participants see of each other live: messages, receipts, order, and what others refuse."""

from __future__ import annotations

import pytest
from factories.chat_processes import ChatProcesses
from parlor_dev.client import Closed, Refused

pytestmark = pytest.mark.integration


def _ws(conversation_id: str) -> str:
    return f"/api/v1/conversations/{conversation_id}/ws"


async def test_strangers_and_the_unauthenticated_are_closed_out(chat: ChatProcesses) -> None:
    ann, ben, eve = chat.talker(), chat.talker(), chat.talker()
    conversation_id = await chat.conversation(ann, ben)
    for api, code in ((eve.api, 4404), (ann.api.caller(None), 4401), (ann.api.caller("x"), 4401)):
        with pytest.raises(Closed) as closed:
            async with api.live(_ws(conversation_id)):
                pass
        assert closed.value.code == code
    with pytest.raises(Closed) as closed:
        async with ann.api.live(_ws("not-an-id")):
            pass
    assert closed.value.code == 4404


async def test_a_message_reaches_everybody_and_its_receipts_come_back(chat: ChatProcesses) -> None:
    ann, ben = chat.talker(), chat.talker()
    conversation_id = await chat.conversation(ann, ben)
    async with (
        ann.api.live(_ws(conversation_id)) as hers,
        ben.api.live(_ws(conversation_id)) as his,
    ):
        ack = await hers.request("send", body="Cards tonight?", client_message_id="one")
        for live in (hers, his):
            event = (await live.next())["event"]
            assert event == {"type": "message.sent", "message": ack["message"]}
        message_id = ack["message"]["id"]
        read = await his.request("read", message_id=message_id)
        assert read["delivered_at"] == read["read_at"]
        kinds = [(await hers.next())["event"]["type"] for _ in range(2)]
        assert kinds == ["message.delivered", "message.read"]
        with pytest.raises(Refused) as refused:
            await hers.request("read", message_id=message_id)
        assert refused.value.code == "not_a_recipient"
        assert hers.seq == 3
