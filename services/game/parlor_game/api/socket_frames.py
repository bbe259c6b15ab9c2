"""Frames of a game's live sockets: the commands of players, and what is told.

`live` reads commands with these models; what is told is written elsewhere as bytes (`frames`,
`table`, `settle_presence` in the database), and tests hold the two together. No game is named here:
events of a move have members of their own, which docs/games.md and the rules tell.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from parlor_kit.fields import Moment, View
from parlor_kit.idempotency import MAX_KEY_LENGTH
from parlor_kit.socket_frames import AckFrame, CommandFrame, EventFrame, WelcomeFrame
from parlor_rules.move_log import By
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from parlor_game.api.schemas import GameView, PlayBody


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be printable")
    return value


Key = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_KEY_LENGTH,
        description="What the Idempotency-Key is to the route; an `id` that is a UUID is one.",
    ),
    AfterValidator(_printable),
]


class PlayFrame(PlayBody, CommandFrame):
    """The play route by another door."""

    type: Literal["play"]
    key: Key | None = None


class ForfeitFrame(CommandFrame):
    """The forfeit route by another door."""

    type: Literal["forfeit"]
    key: Key | None = None


class PlayedFrame(AckFrame):
    """A play or forfeit counted; `seq` is that of its last event."""

    seq: int


class GameWelcomeFrame(WelcomeFrame[GameView]):
    """The first frame: where the game's stream stands, and the view where it is not resumed."""


class PlayerConnected(View):
    type: Literal["player.connected"]
    seat: int
    user_id: UUID


class PlayerDisconnected(View):
    type: Literal["player.disconnected"]
    seat: int
    user_id: UUID
    reconnect_by: Moment | None = Field(description="Null when the game is over.")
    seconds_left: float | None


class ClockMoved(View):
    """The clocks stood still while the platform was away, and every moment is later."""

    type: Literal["game.clock"]
    deadline: Moment
    stopped_seconds: float
    reconnect_by: dict[UUID, Moment]


class MoveMade(View):
    """Who made which move. A player's own ends the wait for them (`reconnect_by`)."""

    number: int
    seat: int
    user_id: UUID
    by: By


class GameEvent(BaseModel):
    """An event of the deal or of a move; the last one of a move has all that is optional here."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = Field(pattern="^game\\.[a-z_]+$")
    seat: int | None = None
    user_id: UUID | None = None
    changed: dict[str, Any] | None = Field(None, description="New values of keys of `table`.")
    move: MoveMade | None = None
    deadline: Moment | None = None
    reserves: dict[UUID, float] | None = None
    log_head: str | None = None


class GameEventFrame(EventFrame[PlayerConnected | PlayerDisconnected | ClockMoved | GameEvent]):
    """One event of a game as this seat may see it."""
