"""The commands that a client sends over its live socket, and their acks or error frames.

Called by `hub` for each text message. A busy socket is paused rather than queued without bound;
whatever a command raises becomes an error frame with the code that the POST route would answer.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from parlor_kit import logs
from parlor_kit.answers import dumps
from parlor_kit.errors import DependencyUnavailable, ParlorError, ValidationFailed
from parlor_kit.http import as_refusal
from parlor_kit.live_socket import LiveSocket

log = logs.get("commands")

_IN_FLIGHT = 256


@dataclass(frozen=True, slots=True)
class Underway:
    """A command that needs no task of its own: `result` is what a batching writer will answer.

    `ack` turns the result into the members of the acknowledgement.
    """

    result: asyncio.Future[Any]
    ack: Callable[[Any], Mapping[str, Any]]


Command = Callable[[Mapping[str, Any]], Coroutine[Any, Any, Mapping[str, Any]] | Underway]


class Inbound:
    """Runs a client's commands; each gets its ack or error, and the rest wait when it is busy."""

    def __init__(self, socket: LiveSocket, commands: Mapping[str, Command]) -> None:
        self._socket = socket
        self._commands = commands
        self._running: set[asyncio.Future[Any]] = set()
        self._paused = False

    def __call__(self, text: bytes) -> None:
        reference: str | None = None
        try:
            message = _read(text)
            reference = message.get("id")
            if message["type"] == "ping":
                self._socket.send_json(dumps({"type": "ack", "id": reference}))
                return
            command = self._commands.get(message["type"])
            if command is None:
                raise ValidationFailed([("type", "is not a message of this socket")])
            started = command(message)
        except Exception as error:
            self._refuse(reference, error)
            return
        if isinstance(started, Underway):
            result, ack = started.result, started.ack
        else:
            result, ack = asyncio.get_running_loop().create_task(started), _as_it_is
        self._running.add(result)
        result.add_done_callback(partial(self._done, reference, ack))
        if len(self._running) >= _IN_FLIGHT and not self._paused:
            self._paused = True
            self._socket.pause()

    def _done(
        self,
        reference: str | None,
        ack: Callable[[Any], Mapping[str, Any]],
        result: asyncio.Future[Any],
    ) -> None:
        self._running.discard(result)
        if self._paused and len(self._running) < _IN_FLIGHT // 2:
            self._paused = False
            self._socket.resume()
        if result.cancelled():
            return
        try:
            members = ack(result.result())
            self._socket.send_json(dumps({"type": "ack", "id": reference, **members}))
        except Exception as error:
            self._refuse(reference, error)

    def _refuse(self, reference: str | None, error: Exception) -> None:
        refusal = as_refusal(error)
        if refusal.status >= 500 and not isinstance(refusal, DependencyUnavailable):
            log.error("command.failed", exc_info=error)
        self._socket.send_json(dumps(_error(reference, refusal)))


def _as_it_is(members: Mapping[str, Any]) -> Mapping[str, Any]:
    return members


def _read(text: bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as wrong:
        raise ValidationFailed([("", "the frame is not JSON")]) from wrong
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ValidationFailed([("type", "must be a string")])
    if not isinstance(message.get("id"), str | None):
        raise ValidationFailed([("id", "must be a string")])
    return message


def _error(reference: str | None, refusal: ParlorError) -> dict[str, Any]:
    frame: dict[str, Any] = {
        "type": "error",
        "id": reference,
        "code": refusal.code,
        "detail": refusal.detail,
        **refusal.extra,
    }
    if refusal.retry_after is not None:
        frame["retry_after"] = refusal.retry_after
    return frame
