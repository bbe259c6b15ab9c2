"""Identifiers: UUIDv7, so that keys of one table grow with time (RFC 9562, section 5.7)."""

from uuid import UUID

from uuid_utils.compat import uuid7

__all__ = ["UUID", "new_id", "parse_id"]


def new_id() -> UUID:
    """A new UUIDv7."""
    return uuid7()


def parse_id(text: str) -> UUID | None:
    """The id that `text` is in canonical form, or None: a malformed id names nothing."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
