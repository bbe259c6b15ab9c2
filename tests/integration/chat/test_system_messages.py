"""Games show up in the conversation of exactly their players, once each."""

from __future__ import annotations

from typing import Any

import pytest
from factories.chat_processes import ChatProcesses, Talker
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration


def _finished(*players: Talker, status: str = "finished") -> dict[str, Any]:
    return {
        "game_id": str(new_id()),
        "game": "crazy_eights",
        "status": status,
        "player_ids": [str(one.id) for one in players],
        "winner_ids": [],
        "scores": [0 for _ in players],
    }


async def test_an_invite_a_start_and_an_end_are_said_once_each(chat: ChatProcesses) -> None:
    ann, ben = chat.talker(), chat.talker()
    conversation_id = await chat.conversation(ann, ben)
    path = f"/api/v1/conversations/{conversation_id}"
    finished = _finished(ben, ann)
    invite_id, game_id = str(new_id()), finished["game_id"]
    async with ben.replicas[1].live(f"{path}/ws") as his:
        await chat.tell(
            "game.events",
            "game.invited",
            invite_id,
            {
                "invite_id": invite_id,
                "game": "crazy_eights",
                "inviter_id": str(ann.id),
                "invitee_ids": [str(ben.id)],
                "expires_at": "2030-01-01T00:00:00Z",
            },
        )
        invited = (await his.next("message.sent"))["event"]["message"]
        assert (invited["sender_id"], invited["kind"]) == (None, "system")
        assert "Crazy eights" in invited["body"]
        started = {
            "game_id": game_id,
            "invite_id": invite_id,
            "game": "crazy_eights",
            "player_ids": finished["player_ids"],
        }
        for _ in range(2):  # the same news under two event ids is still one message
            await chat.tell("game.events", "game.started", game_id, started)
        await chat.tell("game.events", "game.finished", game_id, finished)
        said = [(await his.next("message.sent"))["event"]["message"] for _ in range(2)]
        assert [message["seq"] for message in said] == [2, 3]
        read = await his.request("read", message_id=said[-1]["id"])
        assert read["read_at"]
    items = (await ann.api.get(f"{path}/messages"))["items"]
    assert [item["kind"] for item in items] == ["system"] * 3
    assert (await ann.api.get(path))["unread_count"] == 0


async def test_bots_at_the_table_are_nobody_to_talk_to(chat: ChatProcesses) -> None:
    ann, ben = chat.talker(), chat.talker()
    conversation_id = await chat.conversation(ann, ben)
    bot = str(new_id())
    finished = _finished(ann, ben)
    finished |= {
        "player_ids": [*finished["player_ids"], bot],
        "bot_ids": [bot],
        "scores": [0, 0, 0],
    }
    async with ann.api.live(f"/api/v1/conversations/{conversation_id}/ws") as live:
        await chat.tell("game.events", "game.finished", finished["game_id"], finished)
        message = (await live.next("message.sent"))["event"]["message"]
        assert message["kind"] == "system"


async def test_only_exactly_the_players_hear_of_it_in_their_newest_conversation(
    chat: ChatProcesses,
) -> None:
    ann, ben, cat = chat.talker(), chat.talker(), chat.talker()
    pair = await chat.conversation(ann, ben)
    older, newer = [await chat.conversation(ann, ben, cat) for _ in range(2)]
    async with ann.api.live(f"/api/v1/conversations/{newer}/ws") as live:
        await chat.tell("game.events", "game.finished", new_id(), _finished(cat, chat.talker()))
        await chat.tell(
            "game.events", "game.finished", new_id(), _finished(cat, ann, ben, status="abandoned")
        )
        message = (await live.next("message.sent"))["event"]["message"]
        assert "abandoned" in message["body"]
    for other in (pair, older):
        assert (await ann.api.get(f"/api/v1/conversations/{other}/messages"))["items"] == []
