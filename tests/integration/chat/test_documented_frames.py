"""What the socket of a conversation says, and takes, is what docs/asyncapi.json says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from factories.chat_processes import ChatProcesses, Talker
from factories.socket_document import fitted, messages_like
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

SOCKET = "stream_conversation"


class Listener:
    """A socket that keeps every frame as it came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.frames: list[dict[str, Any]] = []

    async def until(self, count: int, kind: str) -> list[dict[str, Any]]:
        """So many frames of a kind."""
        async with asyncio.timeout(10):
            while sum(frame["type"] == kind for frame in self.frames) < count:
                self.frames.append(await self._socket.receive_json())
        return [frame for frame in self.frames if frame["type"] == kind]

    async def command(self, reference: str, **message: Any) -> dict[str, Any]:
        """Send what is documented; its answer."""
        frame = {"id": reference, **message}
        assert messages_like("chat", SOCKET, "receive", frame), frame
        await self._socket.send_json(frame)
        async with asyncio.timeout(10):
            while True:
                answer: dict[str, Any] = await self._socket.receive_json()
                self.frames.append(answer)
                if answer.get("id") == reference:
                    return answer


@asynccontextmanager
async def listening(
    talker: Talker, conversation_id: str, **query: str | int
) -> AsyncIterator[Listener]:
    api = talker.api
    url = api.address(f"/api/v1/conversations/{conversation_id}/ws")
    headers = {"authorization": f"Bearer {api.token}"}
    async with api.http.ws_connect(url, headers=headers, params=query) as socket:
        yield Listener(socket)


async def test_every_frame_of_a_conversation_is_documented(chat: ChatProcesses) -> None:
    ann, ben = chat.talker(), chat.talker()
    conversation_id = await chat.conversation(ann, ben)
    async with listening(ann, conversation_id) as hers, listening(ben, conversation_id) as his:
        for socket in (hers, his):
            await socket.until(1, "welcome")
        sent = await hers.command("1", type="send", body="As it was", client_message_id="one")
        message_id = sent["message"]["id"]
        await his.command("2", type="delivered", message_id=message_id)
        await his.command("3", type="read", message_id=message_id)
        assert (await his.command("4", type="ping"))["type"] == "ack"
        refused = await his.command("5", type="read", message_id=str(new_id()))
        assert refused["code"] == "not_found"
        path = f"/api/v1/messages/{message_id}"
        await ann.api.answer("PATCH", path, {"body": "As it is"})
        await ann.api.delete(path)
        events = await hers.until(5, "event")
        await his.until(5, "event")
        epoch = hers.frames[0]["epoch"]
        async with (
            listening(ben, conversation_id, epoch=epoch, since=0) as again,
            listening(ann, conversation_id) as anew,
        ):
            await again.until(5, "event")
            (welcome,) = await anew.until(1, "welcome")
            assert len(welcome["snapshot"]["messages"]) == 1
            heard = [*hers.frames, *his.frames, *again.frames, *anew.frames]
    assert [frame["event"]["type"] for frame in events] == [
        f"message.{what}" for what in ("sent", "delivered", "read", "edited", "deleted")
    ]
    assert fitted("chat", SOCKET, "send", heard) == {
        "ConversationWelcomeFrame",
        "ConversationEventFrame",
        "SentFrame",
        "RecordedFrame",
        "AckFrame",
        "ErrorFrame",
    }


async def test_what_is_not_documented_is_refused(chat: ChatProcesses) -> None:
    ann, ben = chat.talker(), chat.talker()
    conversation_id = await chat.conversation(ann, ben)
    wrong: list[dict[str, Any]] = [
        {"type": "shout", "body": "x"},
        {"type": "send"},
        {"type": "send", "body": ""},
        {"type": "send", "body": "x", "colour": "red"},
        {"type": "read"},
        {"type": "read", "message_id": 5},
    ]
    async with listening(ann, conversation_id) as hers:
        for number, message in enumerate(wrong):
            assert not messages_like("chat", SOCKET, "receive", message), message
            await hers._socket.send_json({"id": f"{number}", **message})
        refused = await hers.until(len(wrong), "error")
    assert {frame["code"] for frame in refused} == {"validation_failed"}
