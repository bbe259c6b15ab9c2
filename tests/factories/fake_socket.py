"""A live socket that is none: for tests of the hub that need no network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson


def payload(frame: bytes) -> dict[str, Any]:
    """The JSON of a text frame; ours are shorter than 64 KiB."""
    head = 2 if frame[1] < 126 else 4
    parsed: dict[str, Any] = orjson.loads(frame[head:])
    return parsed


class FakeSocket:
    """What the hub needs of a `LiveSocket`, remembering what it was sent."""

    def __init__(self) -> None:
        self.viewer: UUID | None = None
        self.seq = 0
        self.live = False
        self.closing = False
        self.queued = 0
        self.code: int | None = None
        self.frames: list[dict[str, Any]] = []
        self._gone = asyncio.Event()

    def send(self, frame: bytes) -> bool:
        if self.closing:
            return False
        self.frames.append(payload(frame))
        return True

    def send_json(self, content: bytes) -> bool:
        if self.closing:
            return False
        self.frames.append(orjson.loads(content))
        return True

    async def drained(self) -> None:
        await asyncio.sleep(0)

    def shut(self, code: int, reason: str = "") -> None:
        if not self.closing:
            self.closing, self.live, self.code = True, False, code
            self._gone.set()

    def listen(self, on_text: Callable[[bytes], None]) -> None:
        """Commands are not the subject here."""

    async def ended(self) -> None:
        await self._gone.wait()
