"""Says in the players' conversation that a game was proposed, began or ended.

A reaction to game's events. The players' conversation is the newest of exactly these people; when
they have none, or it is closed, nothing is said. The event's own key makes a repeat one message.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from parlor_kit import tracing
from parlor_kit.database import Transaction
from parlor_kit.events import Event
from parlor_kit.ids import new_id

from parlor_chat.conversation_rows import participants_key
from parlor_chat.ports import Draft, Entitlements
from parlor_chat.stream_statements import APPEND_MESSAGES, message_columns

_FIND = """
SELECT id FROM conversations WHERE participants_key = $1 ORDER BY created_at DESC LIMIT 1
"""


async def announce_game(_: Entitlements, transaction: Transaction, event: Event) -> None:
    """Append the system message that `event` calls for, if its players talk to each other."""
    players = _players(event.data)
    conversation_id = await transaction.connection.fetchval(_FIND, participants_key(players))
    if conversation_id is None:
        return
    trace = tracing.current()
    draft = Draft(
        id=new_id(),
        conversation_id=conversation_id,
        sender_id=None,
        body=_words(event.type, event.data),
        client_message_id=f"{event.type}:{event.data.get('game_id') or event.data['invite_id']}",
        idempotency_key=None,
        digest=None,
        request_id=trace.request_id,
        traceparent=trace.traceparent,
    )
    await transaction.connection.fetch(APPEND_MESSAGES, *message_columns([draft]))


def _players(data: Mapping[str, Any]) -> Sequence[UUID]:
    """Everybody with an account who plays, or is asked to."""
    ids = data.get("player_ids") or [data["inviter_id"], *data["invitee_ids"]]
    return [UUID(user_id) for user_id in ids if user_id not in data.get("bot_ids", ())]


def _words(type_: str, data: Mapping[str, Any]) -> str:
    game = str(data["game"]).replace("_", " ").capitalize()
    match type_:
        case "game.invited":
            return f"{game}: an invitation to play."
        case "game.started":
            return f"{game}: the cards are dealt."
    if data["status"] == "abandoned":
        return f"{game}: the game was abandoned."
    return f"{game}: the game is over."
