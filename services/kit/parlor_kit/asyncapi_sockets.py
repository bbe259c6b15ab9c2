"""The part of the AsyncAPI document that tells of live sockets, made from the route tables.

A channel is a socket's path; its messages are the frames that the row of the table names and those
that every socket has. `asyncapi` puts it beside the topics.
"""

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from parlor_kit.live_socket import GOING_AWAY, NOT_AUTHENTICATED, NOT_ENTITLED, TOO_SLOW, UNKNOWN
from parlor_kit.routing import SocketRoute
from parlor_kit.socket_frames import AckFrame, ErrorFrame, PingFrame

_PARAMETER = re.compile(r"\{(\w+)\}")
_REF = "#/components/schemas/{model}"
_CLOSES = (
    f"Closes with {NOT_AUTHENTICATED} (not authenticated, or not any more), {NOT_ENTITLED} (not"
    f" entitled any more), {UNKNOWN} (unknown), {TOO_SLOW} (too slow: resume), {GOING_AWAY} (server"
    " going away: resume elsewhere), 1008 (the query cannot be read), 1013 (try again later)."
)
_HEADERS = {
    "type": "object",
    "properties": {
        "Authorization": {"type": "string", "description": "Bearer, where no `token` is given."}
    },
}

Sockets = Mapping[str, Iterable[SocketRoute]]


def parts(sockets: Sockets) -> dict[str, Any]:
    """Channels, operations, messages and schemas of the sockets of each service."""
    rows = [(service, route) for service, routes in sockets.items() for route in routes]
    heard = dict.fromkeys(frame for _, route in rows for frame in _heard(route))
    told = dict.fromkeys(frame for _, route in rows for frame in _told(route))
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for service, route in rows:
        name = route.function.__name__
        channels[name] = _channel(route)
        for verb, frames in (("receive", _heard(route)), ("send", _told(route))):
            operations[f"{service}.{verb}s.{name}"] = {
                "action": verb,
                "channel": {"$ref": f"#/channels/{name}"},
                "summary": f"What {service} {'hears' if verb == 'receive' else 'tells'} there.",
                "messages": [
                    {"$ref": f"#/channels/{name}/messages/{frame.__name__}"} for frame in frames
                ],
            }
    _, schema = models_json_schema(
        [*((frame, "validation") for frame in heard), *((one, "serialization") for one in told)],
        ref_template=_REF,
    )
    return {
        "channels": channels,
        "operations": operations,
        "messages": {frame.__name__: _message(frame) for frame in (*heard, *told)},
        "schemas": schema["$defs"],
    }


def _heard(route: SocketRoute) -> tuple[type[BaseModel], ...]:
    return (*route.takes, PingFrame)


def _told(route: SocketRoute) -> tuple[type[BaseModel], ...]:
    return (*route.sends, AckFrame, ErrorFrame)


def _channel(route: SocketRoute) -> dict[str, Any]:
    websocket: dict[str, Any] = {"method": "GET", "headers": _HEADERS, "bindingVersion": "0.1.0"}
    if route.query is not None:
        websocket["query"] = route.query.model_json_schema()
    return {
        "address": route.path,
        "description": f"{inspect.getdoc(route.function)} Policy: {route.policy}. {_CLOSES}",
        "parameters": {name: {"description": "A UUID."} for name in _PARAMETER.findall(route.path)},
        "messages": {
            frame.__name__: {"$ref": f"#/components/messages/{frame.__name__}"}
            for frame in (*_heard(route), *_told(route))
        },
        "bindings": {"ws": websocket},
    }


def _message(frame: type[BaseModel]) -> dict[str, Any]:
    return {
        "name": frame.__name__,
        "summary": (inspect.getdoc(frame) or "").partition("\n")[0],
        "contentType": "application/json",
        "payload": {"$ref": _REF.format(model=frame.__name__)},
    }
