"""One JSON line on stdout for each decision: who asked for what, and what was answered.

Called by `connection` at the moment of the decision, before a byte reaches the app. A line holds
claims, never the token; a path only in a form that was checked. Lines of one turn of the loop are
written together, so that the record costs one system call, not one each.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from parlor_kit.tokens import Claims

from parlor_sidecar.decision import Examined, Verdict

Schedule = Callable[[Callable[[], None]], object]
Write = Callable[[bytes], object]

_REMEMBERED_CALLERS = 256


def to_stdout(data: bytes) -> None:
    """Write all of it, however little the pipe takes at a time."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(1, view) :]
        except BlockingIOError:
            time.sleep(0.001)  # the pipe is shared with a reader that made it non-blocking


class Audit:
    """Writes the lines; `schedule` runs a function later in this turn of the loop."""

    def __init__(self, pod: str, schedule: Schedule, write: Write = to_stdout) -> None:
        self._pod = json.dumps(pod)
        self._schedule = schedule
        self._write = write
        self._lines: list[str] = []
        self._callers: dict[int, tuple[Claims, str]] = {}
        self._second = 0
        self._stamp = ""

    def decided(
        self, verdict: Verdict, request: Examined | None, claims: Claims | None, peer: str
    ) -> None:
        """Record a decision. Without a request, its head was refused before it could be read."""
        if request is None:
            about = '"method":null,"path":null,"target":null,"request_id":null'
        else:
            # The method and the target were checked to hold nothing that JSON would escape.
            template = f'"{verdict.rule.path}"' if verdict.rule is not None else "null"
            target = "null" if verdict.allowed else f'"{request.path[:256].decode()}"'
            about = (
                f'"method":"{request.method}","path":{template},"target":{target},'
                f'"request_id":"{request.request_id}"'
            )
        self._append(
            f'"event":"sidecar.decision","verdict":"{"allow" if verdict.allowed else "deny"}",'
            f'"code":"{verdict.code}","reason":"{verdict.reason}",'
            f'{self._caller(claims)},{about},"peer":"{peer}"'
        )

    def failed(self, code: str, reason: str, request: Examined) -> None:
        """Record that an allowed request did not get its answer."""
        self._append(
            f'"event":"sidecar.failed","code":"{code}","reason":"{reason}",'
            f'"method":"{request.method}","request_id":"{request.request_id}"'
        )

    def flush(self) -> None:
        """Write what is waiting."""
        if self._lines:
            text = "".join(self._lines)
            self._lines.clear()
            self._write(text.encode())

    def _append(self, members: str) -> None:
        if not self._lines:
            self._schedule(self.flush)
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        milliseconds = int((now - second) * 1000)
        self._lines.append(
            f'{{"timestamp":"{self._stamp}.{milliseconds:03d}Z",{members},"pod":{self._pod}}}\n'
        )

    def _caller(self, claims: Claims | None) -> str:
        """What a line says of the caller; computed once for each verified token."""
        if claims is None:
            return '"caller":null,"caller_pod":null,"jti":null'
        found = self._callers.get(id(claims))
        if found is not None and found[0] is claims:
            return found[1]
        text = (
            f'"caller":{json.dumps(claims.sub)},"caller_pod":{json.dumps(_pod_of(claims))},'
            f'"jti":{json.dumps(_text(claims.get("jti")))}'
        )
        if len(self._callers) >= _REMEMBERED_CALLERS:
            self._callers.clear()
        self._callers[id(claims)] = (claims, text)
        return text


def _pod_of(claims: Claims) -> str | None:
    kubernetes: Any = claims.get("kubernetes.io")
    pod = kubernetes.get("pod") if isinstance(kubernetes, dict) else None
    return _text(pod.get("name")) if isinstance(pod, dict) else None


def _text(value: Any) -> str | None:
    return value[:256] if isinstance(value, str) else None
