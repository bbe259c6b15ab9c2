"""Calls to another service's internal routes, through its sidecar, with our own credential.

The credential is a projected token of short life: its file is read again when it has changed. The
user on whose behalf we act goes along as their own access token, which the callee verifies.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from parlor_kit import logs, tracing
from parlor_kit.answers import dumps
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.principal import USER_HEADER, Principal

log = logs.get("internal")

_SAFE = frozenset({"GET", "PUT", "DELETE"})


class InternalClient:
    """The internal routes of one service.

    Args:
        callee: its name: `identity`, `customer`, `game` or `chat`.
        base_url: its sidecar.
        credentials: folder that holds a file named after each callee.
        timeout: seconds for one attempt.
    """

    def __init__(
        self, callee: str, base_url: str, credentials: Path, *, timeout: float = 2.0
    ) -> None:
        self._callee = callee
        self._base_url = base_url.rstrip("/")
        self._file = credentials / callee
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, 1.0))
        self._session: aiohttp.ClientSession | None = None
        self._credential: tuple[int, str] = (0, "")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _token(self) -> str:
        try:
            changed = os.stat(self._file).st_mtime_ns
            if changed != self._credential[0]:
                self._credential = (changed, self._file.read_text().strip())
        except OSError as fault:
            raise DependencyUnavailable(f"No credential for {self._callee}") from fault
        return self._credential[1]

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        on_behalf_of: Principal | None = None,
    ) -> tuple[int, Any]:
        """The status and JSON body of an answer below 500.

        Safe and idempotent methods are tried twice.

        Raises:
            DependencyUnavailable: no answer, a 5xx, or our own credential was refused.
        """
        attempts = 2 if method in _SAFE or body is None or path.endswith("/batch") else 1
        for attempt in range(attempts):
            try:
                return await self._attempt(method, path, body, on_behalf_of)
            except (aiohttp.ClientError, TimeoutError, OSError) as fault:
                log.warning("internal.no_answer", callee=self._callee, fault=repr(fault))
                if attempt + 1 < attempts:
                    await asyncio.sleep(0.05)
        raise DependencyUnavailable(f"{self._callee} is not answering")

    async def _attempt(
        self, method: str, path: str, body: Any, on_behalf_of: Principal | None
    ) -> tuple[int, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        trace = tracing.current()
        headers = {
            "authorization": f"Bearer {self._token()}",
            "x-request-id": trace.request_id,
            "traceparent": trace.traceparent,
        }
        if on_behalf_of is not None:
            headers[USER_HEADER] = f"Bearer {on_behalf_of.token}"
        data = None
        if body is not None:
            data = dumps(body)
            headers["content-type"] = "application/json"
        async with self._session.request(
            method, self._base_url + path, data=data, headers=headers, allow_redirects=False
        ) as response:
            content = await response.read()
            if response.status >= 500:
                raise DependencyUnavailable(f"{self._callee} is not answering")
            parsed = orjson.loads(content) if content else None
            if response.status in {401, 403} and isinstance(parsed, dict):
                log.error("internal.refused", callee=self._callee, code=parsed.get("code"))
                raise DependencyUnavailable(f"{self._callee} did not accept our credential")
            return response.status, parsed
