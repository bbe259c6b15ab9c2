"""Pagination: opaque cursors over a stable order, the same in every list of the platform."""

import base64
import binascii
from collections.abc import Sequence
from typing import Generic, TypeVar

import orjson
from pydantic import Field

from parlor_kit.errors import ValidationFailed
from parlor_kit.fields import Query, View

Item = TypeVar("Item")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class PageQuery(Query):
    """`?limit=` and `?cursor=` of a list."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: str | None = Field(None, max_length=512)


class Page(View, Generic[Item]):
    """A page of a list; `next_cursor` is null on the last one."""

    items: Sequence[Item]
    next_cursor: str | None


def encode_cursor(*position: str | int) -> str:
    """A cursor that names the last item of a page by its sort position."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).rstrip(b"=").decode()


def decode_cursor(cursor: str, *kinds: type) -> tuple[str | int, ...]:
    """The position in `cursor`; 422 when it was not made by `encode_cursor` with these kinds."""
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        position = None
    if (
        not isinstance(position, list)
        or len(position) != len(kinds)
        or any(type(part) is not kind for part, kind in zip(position, kinds, strict=True))
    ):
        raise ValidationFailed([("cursor", "is not a cursor of this list")])
    return tuple(position)
