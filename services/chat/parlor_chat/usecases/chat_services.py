"""What a route function of chat can reach: the use cases, composed in `bootstrap.py`.

Adding a use case to the HTTP side is one field here and one line there.
"""

from dataclasses import dataclass

from parlor_kit.hub import Hub
from parlor_kit.idempotency import Idempotency
from parlor_kit.principal import Users


@dataclass(frozen=True)
class ChatServices:
    """`call.app` of every route of chat."""

    users: Users
    hub: Hub
    idempotency: Idempotency
    # -- conversations and messages

    # -- moderation, holds, archive expiry
