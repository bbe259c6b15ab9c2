"""What docs/asyncapi.json says of a live socket, for tests that hold real frames against it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

_PATH = Path(__file__).resolve().parents[2] / "docs" / "asyncapi.json"
_KINDS = {"receive": "receives", "send": "sends"}


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(_PATH.read_bytes())
    return document


def _found(reference: dict[str, str]) -> Any:
    found: Any = _document()
    for step in reference["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


@cache
def _validators(service: str, socket: str, action: str) -> dict[str, jsonschema_rs.Validator]:
    """By name, those of the messages that this service receives or sends on a socket."""
    operation = _document()["operations"][f"{service}.{_KINDS[action]}.{socket}"]
    messages = [_found(_found(reference)) for reference in operation["messages"]]
    return {
        message["name"]: jsonschema_rs.validator_for(
            {**message["payload"], "components": _document()["components"]}
        )
        for message in messages
    }


def messages_like(service: str, socket: str, action: str, frame: dict[str, Any]) -> set[str]:
    """The names of the documented messages that a frame fits."""
    known = _validators(service, socket, action)
    return {name for name, validator in known.items() if validator.is_valid(frame)}


def fitted(service: str, socket: str, action: str, frames: Iterable[dict[str, Any]]) -> set[str]:
    """Every frame fits a documented message; the names of all that were seen."""
    seen: set[str] = set()
    for frame in frames:
        names = messages_like(service, socket, action, frame)
        assert names, f"docs/asyncapi.json has no message of {socket} like {frame}"
        seen |= names
    return seen
