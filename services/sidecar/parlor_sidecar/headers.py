"""Which header lines go on, which are dropped, and which make the whole message refused.

Called by `decision` for requests and by `upstream` for answers. Names are compared in one form,
lower case with `_` read as `-`, because that is how some application somewhere will read them; a
name that could say who is asking is dropped in every spelling, on every route, before our own
identity header is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

IDENTITY_HEADER = b"X-Service-Identity"

_NAME = re.compile(rb"[A-Za-z0-9-]{1,128}")
_MEMORY = 512


# What a header line is to the sidecar. Plain numbers, because each line of each request asks.
Kind = int
FORWARD: Final = 0
ONCE: Final = 1  # forwarded, but two of them would let two readers disagree
DROP: Final = 2
REFUSE: Final = 3
HOST: Final = 4
AUTHORIZATION: Final = 5
CONTENT_LENGTH: Final = 6
TRANSFER_ENCODING: Final = 7
CONNECTION: Final = 8
EXPECT: Final = 9
UPGRADE: Final = 10
REQUEST_ID: Final = 11

# RFC 9110, section 7.6.1, and what older proxies used to the same end.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

# Names by which an application could be told who asks, from where, or for what other route.
_IDENTITY_NAMES = frozenset(
    {
        b"client-ip",
        b"cookie",
        b"forwarded",
        b"impersonate-user",
        b"proxy",
        b"remote-addr",
        b"remote-user",
        b"true-client-ip",
        b"via",
        b"x-forwarded",
        b"x-identity",
        b"x-principal",
    }
)
_IDENTITY_PREFIXES = (
    b"x-auth-",
    b"x-authenticated-",
    b"x-caller-",
    b"x-client-",
    b"x-envoy-",
    b"x-forwarded-",
    b"x-http-method",
    b"x-internal-",
    b"x-method-override",
    b"x-original-",
    b"x-parlor-",
    b"x-real-",
    b"x-remote-",
    b"x-rewrite-",
    b"x-service-",
    b"x-ssl-",
    b"x-user-",
)

_SPECIAL = {
    b"host": HOST,
    b"authorization": AUTHORIZATION,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"connection": CONNECTION,
    b"expect": EXPECT,
    b"upgrade": UPGRADE,
    b"x-request-id": REQUEST_ID,
    b"content-encoding": ONCE,
    b"content-type": ONCE,
    b"idempotency-key": ONCE,
    b"traceparent": ONCE,
    b"user-authorization": ONCE,
}

# A Connection header must not make these disappear: they decide what the message is.
NOT_NAMED_BY_CONNECTION = frozenset(
    {b"authorization", b"content-length", b"host", b"transfer-encoding", b"user-authorization"}
)


def speaks_of_identity(name: bytes) -> bool:
    """Whether a header of this name, in any spelling, belongs to whoever establishes identity."""
    plain = name.lower().replace(b"_", b"-")
    return plain in _IDENTITY_NAMES or plain.startswith(_IDENTITY_PREFIXES)


def of_request(name: bytes) -> Kind:
    """What a request header of this name is."""
    lower = name.lower()
    special = _SPECIAL.get(lower)
    if special is not None:
        return special
    if _NAME.fullmatch(name) is None:
        return REFUSE
    if lower in HOP_BY_HOP or speaks_of_identity(name):
        return DROP
    return FORWARD


def of_answer(name: bytes) -> Kind:
    """What an answer's header of this name is."""
    lower = name.lower()
    special = _SPECIAL.get(lower)
    if special in (
        CONTENT_LENGTH,
        TRANSFER_ENCODING,
        CONNECTION,
        UPGRADE,
    ):
        return special
    if _NAME.fullmatch(name) is None:
        return REFUSE
    if lower in HOP_BY_HOP or lower == IDENTITY_HEADER.lower():
        return DROP
    return FORWARD


class Remembered(dict[bytes, Kind]):
    """A classification that is asked the same few spellings all day; bounded, exact bytes only."""

    def __init__(self, classify: Callable[[bytes], Kind]) -> None:
        super().__init__()
        self._classify = classify

    def __missing__(self, name: bytes) -> Kind:
        kind = self._classify(name)
        if len(name) <= 64:
            if len(self) >= _MEMORY:
                self.clear()  # somebody makes names up; those in use are back at once
            self[name] = kind
        return kind


def tokens_of(value: bytes) -> set[bytes]:
    """The comma-separated tokens of a Connection header, in lower case."""
    return {token.strip(b" \t").lower() for token in value.split(b",")} - {b""}
