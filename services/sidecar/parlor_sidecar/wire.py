"""A transport that may be told anything at any time, even after its end.

Both ends of the sidecar hold one. It exists so that the state machines need not ask, at each step,
whether the other side is still there; when it is gone, the loop tells them soon enough.
"""

from __future__ import annotations

import asyncio
from typing import cast


class Wire:
    """One end of a connection; before `made` and after `lost` it does nothing."""

    __slots__ = ("_reading", "_transport")

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reading = True

    def made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def lost(self) -> None:
        self._transport = None

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def peer(self) -> str:
        """The other side's address, or nothing."""
        address = None if self._transport is None else self._transport.get_extra_info("peername")
        return str(address[0]) if isinstance(address, tuple) else ""

    @property
    def can_half_close(self) -> bool:
        """Whether we can end our side and still hear the other: not over TLS."""
        return self._transport is not None and self._transport.can_write_eof()

    def write(self, data: bytes) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def read(self, reading: bool) -> None:
        """Go on reading, or stop."""
        transport = self._transport
        if transport is None or reading is self._reading or transport.is_closing():
            return
        self._reading = reading
        if reading:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def half_close(self) -> None:
        """Say that nothing follows."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Close once what was written is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now, and forget what was written."""
        if self._transport is not None:
            self._transport.abort()
