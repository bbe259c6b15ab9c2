"""What an api process does with the topics it follows for its sockets.

The feed reads chat's own topic, so that sockets here learn of what other replicas committed, and
identity's, so that a disabled account loses its sockets without waiting for anything else.
"""

from collections.abc import Callable
from uuid import UUID

from parlor_kit.events import Event
from parlor_kit.hub import Hub
from parlor_kit.ids import parse_id
from parlor_kit.live_socket import NOT_ENTITLED

from parlor_chat import events

_ACCOUNTS = "identity.events"
TOPICS = (events.TOPIC, _ACCOUNTS)
_GONE = "not entitled any more"


def wanted(hub: Hub) -> Callable[[str, str, int | None], bool]:
    """Whether a record is worth parsing: a socket here may lack it, or an account be disabled."""

    def is_wanted(topic: str, key: str, seq: int | None) -> bool:
        stream_id = parse_id(key)
        if stream_id is None:
            return False
        return topic == _ACCOUNTS or hub.lacks(stream_id, seq)

    return is_wanted


def on_event(hub: Hub) -> Callable[[Event], None]:
    """Wake or close the sockets that an event concerns."""

    def apply(event: Event) -> None:
        stream_id = UUID(event.key)
        if event.topic == _ACCOUNTS:
            if event.type == "account.disabled":
                hub.close_viewer(stream_id, NOT_ENTITLED, _GONE)
        elif event.type == "conversation.closed":
            hub.close_stream(stream_id, NOT_ENTITLED, _GONE)
        elif "event_seq" in event.data:
            hub.wake(stream_id, event.data["event_seq"])

    return apply
