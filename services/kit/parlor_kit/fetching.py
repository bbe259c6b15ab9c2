"""One bounded HTTP exchange with an address that the operator of the platform configured.

`jwks` fetches keys with it, the sidecar reviews tokens with it. It runs in a thread, takes no proxy
from the environment, follows no redirect, bounds size and time, and sends its bearer token, which
is re-read each time because the kubelet rotates it, over https only. Not for addresses that
somebody else may choose, and not for hot paths.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

MAX_ANSWER_BYTES = 256 * 1024


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could carry the bearer token, or the trust, somewhere else."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> None:
        return None


class Fetcher:
    """Asks one address; raises `OSError` or `http.client.HTTPException` for any other outcome."""

    def __init__(
        self,
        url: str,
        *,
        ca_file: str | Path | None = None,
        token_file: str | Path | None = None,
        timeout: float = 3,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"an address must be http or https: {url}")
        if token_file is not None and parts.scheme != "https":
            raise ValueError("a token file needs an https address")
        self._url = url
        self._token_file = None if token_file is None else Path(token_file)
        self._timeout = timeout
        handlers: list[urllib.request.BaseHandler] = [
            _NoRedirect(),
            urllib.request.ProxyHandler({}),
        ]
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    async def __call__(self, body: bytes | None = None) -> bytes:
        """GET, or POST a JSON body, and return the body of a 200 or 201."""
        async with asyncio.timeout(self._timeout + 1):
            return await asyncio.to_thread(self._exchange, body)

    def _exchange(self, body: bytes | None) -> bytes:
        deadline = time.monotonic() + self._timeout
        headers = {"Accept": "application/jwk-set+json, application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked at construction
            self._url, data=body, headers=headers
        )
        if self._token_file is not None:
            token = self._token_file.read_text(encoding="ascii").strip()
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        with self._opener.open(request, timeout=self._timeout) as response:
            if response.status not in (200, 201):
                raise OSError(f"the address answered {response.status}")
            answer = bytearray()
            while chunk := response.read1(65536):
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    raise OSError("the answer is too large")
                if time.monotonic() > deadline:
                    raise OSError("the answer took too long")
            return bytes(answer)
