"""Base classes and field types of request bodies, queries and views.

Bodies are strict: unknown fields and wrong types are violations, never coerced. Text that
PostgreSQL cannot store (NUL) or that is not Unicode (lone surrogates) is a violation as well.
"""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

from parlor_kit.clock import rfc3339

_EMAIL_LENGTH = 254


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain a NUL character")
    return value


def _trimmed(value: str) -> str:
    value = value.strip()
    if not value:
        raise ValueError("must not be blank")
    return value


def _email(value: str) -> str:
    local, at, domain = value.strip().rpartition("@")
    if not at or not local or "." not in domain or any(c.isspace() for c in value.strip()):
        raise ValueError("must be an e-mail address")
    if domain.startswith(".") or domain.endswith(".") or ".." in domain:
        raise ValueError("must be an e-mail address")
    lowered = f"{local}@{domain}".lower()
    if len(lowered) > _EMAIL_LENGTH:  # lower case can be longer: "İ" becomes two characters
        raise ValueError(f"must have at most {_EMAIL_LENGTH} characters")
    return lowered


Text = Annotated[str, AfterValidator(_storable)]
Name = Annotated[
    str, Field(min_length=1, max_length=100), AfterValidator(_storable), AfterValidator(_trimmed)
]
Email = Annotated[
    str,
    Field(min_length=3, max_length=_EMAIL_LENGTH),
    AfterValidator(_storable),
    AfterValidator(_email),
]
Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]


class Body(BaseModel):
    """A request body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """Query parameters: text on the wire, so converted, but never unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")
