"""The refusals of the game service. Each code is part of the contract.

Raised by use cases and policies; the kit renders them as problem+json and as error frames.
"""

from collections.abc import Mapping
from typing import Any

from parlor_kit.errors import ParlorError


class NotEntitled(ParlorError):
    status, code = 403, "not_entitled"
    title = "Not every pair at this table may play together"


class InviteClosed(ParlorError):
    status, code, title = 409, "invite_closed", "This invite can no longer be answered"


class NotYourTurn(ParlorError):
    status, code, title = 409, "not_your_turn", "Another player must move"


class StalePlay(ParlorError):
    """The caller has not seen the last move; `view` is the table as it stands."""

    status, code, title = 409, "stale_play", "The table has moved on since the view you played on"

    def __init__(self, view: Mapping[str, Any]) -> None:
        super().__init__(extra={"view": view})


class GameOver(ParlorError):
    status, code, title = 409, "game_over", "This game has ended"


class GameNotOver(ParlorError):
    status, code, title = 409, "game_not_over", "This game goes on, and its cards stay secret"


class NoSpectators(ParlorError):
    status, code = 403, "no_spectators"
    title = "The players of this game have not agreed to be watched"


class IllegalPlay(ParlorError):
    """The rules refuse it; `legal_plays` are the bodies that they would accept now."""

    status, code, title = 422, "illegal_play", "The rules do not allow this play now"

    def __init__(self, legal_plays: list[dict[str, Any]]) -> None:
        super().__init__(extra={"legal_plays": legal_plays})
