"""A service's internal routes through its sidecar, and what its refusals mean to the operator.

Used by `identity` and `chat`. A credential that is not accepted counts as no answer: somebody has
to mend the platform, and the resource is not at fault.
"""

from typing import Any

from parlor_kit.errors import DependencyUnavailable
from parlor_kit.internal import InternalClient

from parlor_operator.errors import Gone, Refused, Unavailable

_ABSENT = frozenset({404, 410})
_TRANSIENT = frozenset({408, 425, 429})


class InternalRoutes:
    def __init__(self, part: str, client: InternalClient) -> None:
        self._part = part
        self._client = client

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The body of an answer that says yes. Raises `Gone`, `Refused` or `Unavailable`."""
        try:
            status, answer = await self._client.call(method, path, body=body)
        except DependencyUnavailable as fault:
            raise Unavailable(self._part, fault.detail) from fault
        if status < 300:
            return answer
        if status in _ABSENT:
            raise Gone()
        if status in _TRANSIENT:
            raise Unavailable(self._part, f"{self._part} answered {status}")
        said = answer if isinstance(answer, dict) else {}
        raise Refused(self._part, str(said.get("code", status)), str(said.get("detail", "")))
