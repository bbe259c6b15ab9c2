"""A socket for benchmarks: frames are handed over as bytes, so that the client stays cheap."""

import asyncio
from collections.abc import Callable

import aiohttp
import orjson


class Wire:
    """One live socket; `on_frame` gets the bytes of every frame after the welcome."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._reader: asyncio.Task[None] | None = None
        self.on_frame: Callable[[bytes], None] = lambda _: None

    @classmethod
    async def connect(cls, http: aiohttp.ClientSession, url: str, token: str) -> "Wire":
        socket = await http.ws_connect(
            url, headers={"authorization": f"Bearer {token}"}, compress=0, max_msg_size=0
        )
        welcome = orjson.loads((await socket.receive()).data)
        if welcome["type"] != "welcome":
            raise RuntimeError(f"no welcome: {welcome}")
        wire = cls(socket)
        wire._reader = asyncio.get_running_loop().create_task(wire._read())
        return wire

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.on_frame(message.data.encode())

    async def send(self, frame: bytes) -> None:
        await self._socket.send_frame(frame, aiohttp.WSMsgType.TEXT)

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        await self._socket.close()
