"""What a route function returns: a status and a body, or a stream; rendered in one place."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel

from parlor_kit.clock import rfc3339


def dumps(value: Any) -> bytes:
    """JSON with the contract's times (`Z`) and ids."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _default(value: Any) -> Any:
    """What orjson leaves to us: our times, models, and the drivers' own kinds of UUID."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, BaseModel):
        return orjson.Fragment(value.__pydantic_serializer__.to_json(value))
    raise TypeError(f"not JSON: {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is a view model, a mapping, JSON bytes already, or None for an empty answer.

    `object_id` names what was created, so that its idempotency record can go when it goes.
    """

    status: int
    body: BaseModel | Mapping[str, Any] | bytes | None = None
    object_id: UUID | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else dumps(self.body)


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """An answer too large to hold: its parts go out as the client takes them.

    Everything that can be refused is refused before; a fault after the first part cuts the
    connection, so that a client never takes a piece for the whole.
    """

    content_type: str
    parts: AsyncIterator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)
