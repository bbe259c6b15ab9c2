"""Pagination: opaque cursors over a stable order, the same in every list of the platform."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import Field

from parlor_kit.errors import ValidationFailed
from parlor_kit.fields import Query, View
from parlor_kit.ids import parse_id

Item = TypeVar("Item")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_LARGEST = 2**63 - 1  # what a bigint holds


class PageQuery(Query):
    """`?limit=` and `?cursor=` of a list."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: str | None = Field(None, max_length=512)


class Page(View, Generic[Item]):
    """A page of a list; `next_cursor` is null on the last one."""

    items: Sequence[Item]
    next_cursor: str | None


def encode_cursor(*position: UUID | int) -> str:
    """A cursor that names the last item of a page by its sort position."""
    # asyncpg's ids are of a class of its own, which orjson does not know.
    parts = [str(part) if isinstance(part, UUID) else part for part in position]
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def decode_cursor(cursor: str, *kinds: type[UUID] | type[int]) -> tuple[Any, ...]:
    """The position in `cursor`: ids, and whole numbers that a bigint holds.

    Raises:
        ValidationFailed: it was not made by `encode_cursor` with these kinds.
    """
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        position = None
    if not isinstance(position, list) or len(position) != len(kinds):
        raise _not_of_this_list()
    return tuple(_part(part, kind) for part, kind in zip(position, kinds, strict=True))


def id_in(cursor: str | None) -> UUID | None:
    """The id at which the page before ended, in lists by id."""
    last: UUID | None = None if cursor is None else decode_cursor(cursor, UUID)[0]
    return last


def number_in(cursor: str | None) -> int | None:
    """The number at which the page before ended, in lists by number."""
    last: int | None = None if cursor is None else decode_cursor(cursor, int)[0]
    return last


def _part(part: Any, kind: type[UUID] | type[int]) -> UUID | int:
    if kind is int and type(part) is int and 0 <= part <= _LARGEST:
        return part
    found = parse_id(part) if kind is UUID and type(part) is str else None
    if found is None:
        raise _not_of_this_list()
    return found


def _not_of_this_list() -> ValidationFailed:
    return ValidationFailed([("cursor", "is not a cursor of this list")])
