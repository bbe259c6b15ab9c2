"""The frames of a live socket as models: what `hub` and `commands` send, and what they take.

Frames are written and read by hand there, since each message of a busy socket passes once; these
models document them (`asyncapi`). A service adds its own: commands, acknowledgements, events.
"""

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from parlor_kit.fields import Body, Moment, Query, Text, View

Snapshot = TypeVar("Snapshot")
Happened = TypeVar("Happened")


class SocketQuery(Query):
    """Where to resume, and the single-use token or ticket of who cannot send headers."""

    epoch: str | None = Field(None, max_length=64)
    since: int | None = Field(None, ge=0, le=2**62)
    token: str | None = Field(None, max_length=200)


class CommandFrame(Body):
    """What every command has; its answer has the same `id`."""

    id: Text | None = None


class PingFrame(CommandFrame):
    """Asks for an `ack`, and for nothing else."""

    type: Literal["ping"]


class WelcomeFrame(View, Generic[Snapshot]):
    """The first frame. Either the missed events follow, or `snapshot` is the present state."""

    type: Literal["welcome"]
    epoch: str
    seq: int
    recovered: bool
    replayed: int = Field(description="How many events that were missed follow.")
    snapshot: Snapshot | None = Field(None, description="Only where `recovered` is false.")


class EventFrame(View, Generic[Happened]):
    """One event of the stream; `seq` counts up by one, without a hole or a repeat."""

    type: Literal["event"]
    seq: int
    at: Moment
    event: Happened


class AckFrame(View):
    """A command was done."""

    type: Literal["ack"]
    id: str | None


class ErrorFrame(BaseModel):
    """A command was refused, with the code and the members that the route would answer."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Literal["error"]
    id: str | None
    code: str
    detail: str
    retry_after: int | None = None
