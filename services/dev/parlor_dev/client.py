"""A client of the public API: what the demo, the benchmarks and the functional tests speak through.

It knows the contract's frame (tokens, problem+json, idempotency keys, live sockets with resume) and
nothing of the services. It never retries by itself, so that its callers see what the platform does.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self
from uuid import uuid4

import aiohttp
import orjson

from parlor_dev import routing


class Refused(Exception):
    """The platform answered with a problem document."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: str | None) -> None:
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status = status
        self.code = problem.get("code")
        self.problem = dict(problem)
        self.retry_after = retry_after


class Closed(Exception):
    """The platform closed the socket with `code`."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"socket closed with {code}")
        self.code = code


class Api:
    """The platform at one origin, for one caller: anonymous, or with an access token.

    Where there is no one origin, `{service}` in the URL stands for the service that has a path, as
    in `http://{service}:8000`. Use as an async context manager; `caller(token)` shares the
    connections.
    """

    def __init__(
        self, url: str, *, token: str | None = None, http: aiohttp.ClientSession | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self._http = http
        self._owned = http is None

    async def __aenter__(self) -> Self:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._owned and self._http is not None:
            await self._http.close()

    @property
    def http(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("use `async with Api(...)`")
        return self._http

    def address(self, path: str) -> str:
        """The whole URL of `path`."""
        base = self.url
        if "{service}" in base:
            base = base.replace("{service}", routing.owner(path))
        return base + path

    def caller(self, token: str | None) -> "Api":
        """The same platform for another caller."""
        return Api(self.url, token=token, http=self.http)

    async def answer(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """The status and JSON of any answer below 400.

        Raises:
            Refused: the answer was a problem document.
        """
        sent = dict(headers or {})
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        if key:
            sent["idempotency-key"] = key
        data = None
        if body is not None:
            data = orjson.dumps(body)
            sent["content-type"] = "application/json"
        async with self.http.request(
            method, self.address(path), data=data, headers=sent, allow_redirects=False
        ) as response:
            content = await response.read()
            try:
                parsed = orjson.loads(content) if content else None
            except orjson.JSONDecodeError:
                parsed = content.decode(errors="replace")
            if response.status >= 400:
                problem = parsed if isinstance(parsed, dict) else {"detail": parsed}
                raise Refused(response.status, problem, response.headers.get("retry-after"))
            return response.status, parsed

    async def get(self, path: str) -> Any:
        return (await self.answer("GET", path))[1]

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        return (await self.answer("POST", path, body if body is not None else {}, key=key))[1]

    async def delete(self, path: str) -> Any:
        return (await self.answer("DELETE", path))[1]

    async def login(self, email: str, password: str) -> "Api":
        """The same platform for the account with this e-mail."""
        tokens = await self.post("/api/v1/auth/login", {"email": email, "password": password})
        return self.caller(tokens["access_token"])

    def live(self, path: str, *, ticket: str | None = None) -> "Live":
        """A live socket at `path`, authenticated by our token, or by `ticket` in the URL."""
        return Live(self, path, ticket=ticket)


class Live:
    """A live socket that knows its epoch and its last seq, and checks that there is no hole.

    `async with api.live(path) as socket` opens it; `resume()` opens it again from where it was.
    """

    def __init__(self, api: Api, path: str, *, ticket: str | None = None) -> None:
        self._api = api
        self._path = path
        self._ticket = ticket
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._acks: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.epoch: str | None = None
        self.seq = 0
        self.welcome: dict[str, Any] = {}
        self.close_code: int | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self, *, ticket: str | None = None) -> dict[str, Any]:
        """Connect and return the welcome; with an epoch from before, ask to resume."""
        ticket, self._ticket = ticket or self._ticket, None
        query = {}
        if ticket:
            query["token"] = ticket
        if self.epoch is not None:
            query |= {"epoch": self.epoch, "since": str(self.seq)}
        headers = {}
        if self._api.token and not ticket:
            headers["authorization"] = f"Bearer {self._api.token}"
        self.close_code = None
        self._events = asyncio.Queue()
        self._socket = await self._api.http.ws_connect(
            self._api.address(self._path),
            params=query,
            headers=headers,
            max_msg_size=4 * 1024 * 1024,
        )
        first = await self._socket.receive(timeout=15)
        if first.type is not aiohttp.WSMsgType.TEXT:
            self.close_code = self._socket.close_code
            raise Closed(self.close_code)
        self.welcome = orjson.loads(first.data)
        if self.welcome["type"] != "welcome":
            raise AssertionError(f"the first frame is not a welcome: {self.welcome}")
        if not self.welcome["recovered"]:
            self.seq = self.welcome["seq"]
        self.epoch = self.welcome["epoch"]
        self._reader = asyncio.get_running_loop().create_task(self._read())
        return self.welcome

    async def resume(self, *, ticket: str | None = None) -> dict[str, Any]:
        """Open a new connection from the last seq of the old one."""
        return await self.open(ticket=ticket)

    async def drop(self) -> None:
        """Lose the connection without a goodbye, as a phone in a tunnel does."""
        if self._socket is not None and (response := self._socket._response.connection):
            transport = response.transport
            if transport is not None:
                transport.abort()
        await self._end()
        self._events.put_nowait(None)  # what came before can still be read

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        await self._end()

    async def _end(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None

    @property
    def _open_socket(self) -> aiohttp.ClientWebSocketResponse:
        if self._socket is None:
            raise RuntimeError("the socket was never opened")
        return self._socket

    async def _read(self) -> None:
        socket = self._open_socket
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            frame = orjson.loads(message.data)
            if frame["type"] == "event":
                if frame["seq"] != self.seq + 1:
                    raise AssertionError(f"a hole: {self.seq} is followed by {frame['seq']}")
                self.seq = frame["seq"]
                self._events.put_nowait(frame)
            elif (waiting := self._acks.pop(frame.get("id") or "", None)) and not waiting.done():
                waiting.set_result(frame)
        self.close_code = socket.close_code
        self._events.put_nowait(None)
        for waiting in self._acks.values():
            if not waiting.done():
                waiting.set_exception(Closed(self.close_code))
        self._acks.clear()

    async def request(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send a command and return its ack.

        Raises:
            Refused: the answer was an error frame.
            Closed: the socket ended first.
        """
        reference = uuid4().hex
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._acks[reference] = waiting
        await self._open_socket.send_str(
            orjson.dumps({"type": kind, "id": reference, **fields}).decode()
        )
        frame = await asyncio.wait_for(waiting, 15)
        if frame["type"] == "error":
            raise Refused(0, frame, None)
        return frame

    async def next(self, *kinds: str, timeout: float = 15) -> dict[str, Any]:
        """The next event of one of `kinds` (any, if none is given); others are passed over."""
        async with asyncio.timeout(timeout):
            while True:
                frame = await self._events.get()
                if frame is None:
                    self._events.put_nowait(None)
                    raise Closed(self.close_code)
                if not kinds or frame["event"]["type"] in kinds:
                    return frame

    async def closed(self, timeout: float = 15) -> int | None:
        """Wait for the platform to close the socket; its code."""
        async with asyncio.timeout(timeout):
            while True:
                frame = await self._events.get()
                if frame is None:
                    return self.close_code

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            try:
                yield await self.next()
            except Closed:
                return
