"""Which header lines go on, which are dropped, and which make the whole message refused.

Called by `decision` for requests and by `upstream` for answers. Names are compared in one form,
lower case with `_` read as `-`, because that is how some application somewhere will read them; a
name that could say who is asking is dropped in every spelling, on every route, before our own
identity header is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum

IDENTITY_HEADER = b"X-Service-Identity"

_NAME = re.compile(rb"[A-Za-z0-9-]{1,128}")
_MEMORY = 512


class Kind(IntEnum):
    """What a header line is to the sidecar."""

    FORWARD = 0
    ONCE = 1  # forwarded, but two of them would let two readers disagree
    DROP = 2
    REFUSE = 3
    HOST = 4
    AUTHORIZATION = 5
    CONTENT_LENGTH = 6
    TRANSFER_ENCODING = 7
    CONNECTION = 8
    EXPECT = 9
    UPGRADE = 10
    REQUEST_ID = 11


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
    b"host": Kind.HOST,
    b"authorization": Kind.AUTHORIZATION,
    b"content-length": Kind.CONTENT_LENGTH,
    b"transfer-encoding": Kind.TRANSFER_ENCODING,
    b"connection": Kind.CONNECTION,
    b"expect": Kind.EXPECT,
    b"upgrade": Kind.UPGRADE,
    b"x-request-id": Kind.REQUEST_ID,
    b"content-encoding": Kind.ONCE,
    b"content-type": Kind.ONCE,
    b"idempotency-key": Kind.ONCE,
    b"traceparent": Kind.ONCE,
    b"user-authorization": Kind.ONCE,
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
        return Kind.REFUSE
    if lower in HOP_BY_HOP or speaks_of_identity(name):
        return Kind.DROP
    return Kind.FORWARD


def of_answer(name: bytes) -> Kind:
    """What an answer's header of this name is."""
    lower = name.lower()
    special = _SPECIAL.get(lower)
    if special in (
        Kind.CONTENT_LENGTH,
        Kind.TRANSFER_ENCODING,
        Kind.CONNECTION,
        Kind.UPGRADE,
    ):
        return special
    if _NAME.fullmatch(name) is None:
        return Kind.REFUSE
    if lower in HOP_BY_HOP or lower == IDENTITY_HEADER.lower():
        return Kind.DROP
    return Kind.FORWARD


class Remembered(dict[bytes, Kind]):
    """A classification that is asked the same few spellings all day; bounded, exact bytes only."""

    def __init__(self, classify: Callable[[bytes], Kind]) -> None:
        super().__init__()
        self._classify = classify

    def __missing__(self, name: bytes) -> Kind:
        kind = self._classify(name)
        if len(self) < _MEMORY and len(name) <= 64:
            self[name] = kind
        return kind


def tokens_of(value: bytes) -> set[bytes]:
    """The comma-separated tokens of a Connection header, in lower case."""
    return {token.strip(b" \t").lower() for token in value.split(b",")} - {b""}
