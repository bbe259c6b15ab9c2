"""Asks a process whether it is ready, cheaply enough to ask twenty times a second.

Called by `processes` (through the ready checks of `stack`) and by `make status`. It answers False
or None where a connection fails: a probe never raises for a process that is not there yet.
"""

import asyncio
import contextlib

_SECONDS = 2.0


async def http_status(host: str, port: int, path: str) -> int | None:
    """Status of one GET, or None where nothing answers HTTP."""
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                status_line = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return None
    parts = status_line.split(b" ", 2)
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None


async def is_ready(host: str, port: int, path: str = "/readyz") -> bool:
    return await http_status(host, port, path) == 200


async def answers_http(host: str, port: int) -> bool:
    return await http_status(host, port, "/") is not None
