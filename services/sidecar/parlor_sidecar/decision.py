"""What happens to a request, decided from its head alone: no socket, no clock, no file.

`connection` asks here for each request; an application that can import this module may ask the
same questions in a middleware of its own. The order is fixed: form, credential, policy. What is
forwarded is written here from what was checked, never copied from what was received, and the
caller's credential is never part of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from parlor_kit.tokens import (
    Claims,
    KeysUnavailable,
    TokenInvalid,
    TokenMissing,
)

from parlor_sidecar import headers as header_lines
from parlor_sidecar.headers import (
    AUTHORIZATION,
    CONNECTION,
    CONTENT_LENGTH,
    DROP,
    EXPECT,
    FORWARD,
    HOST,
    IDENTITY_HEADER,
    ONCE,
    REFUSE,
    REQUEST_ID,
    TRANSFER_ENCODING,
    UPGRADE,
    Remembered,
)
from parlor_sidecar.policy import METHODS, Policy, Rule
from parlor_sidecar.problems import new_request_id
from parlor_sidecar.review import CredentialVerifier
from parlor_sidecar.targets import TargetRefused, path_of

ALLOWED = "allowed"
CHUNKED = -1

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_METHODS = {method.encode(): method for method in METHODS}
_kinds = Remembered(header_lines.of_request)


class Verdict(NamedTuple):
    """What was decided: `code` is `allowed` or the stable code of the refusal."""

    code: str
    reason: str
    rule: Rule | None = None

    @property
    def allowed(self) -> bool:
        return self.code == ALLOWED


class Refused(Exception):
    """The request is refused for its form."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.verdict = Verdict(code, reason)


class Head(NamedTuple):
    """A request head as the strict reader took it apart."""

    method: bytes
    target: bytes
    version: bytes
    headers: Sequence[tuple[bytes, bytes]]


class Limits(NamedTuple):
    """The bounds that can be judged from a head."""

    max_headers: int = 64
    max_body_bytes: int = 64 * 1024


class Examined(NamedTuple):
    """A request whose form is right; nothing is said yet about who may send it."""

    method: str
    target: bytes
    path: bytes
    token: str
    request_id: str
    lines: bytes
    framing: bytes
    length: int
    expects_continue: bool
    upgrade: bool
    close: bool

    @property
    def has_body(self) -> bool:
        return self.length != 0


def examine(head: Head, limits: Limits) -> Examined:
    """Check the form of a request, or raise `Refused`; the first rule that is broken is named."""
    raw_method, target, version, received = head
    if version != b"1.1":
        raise Refused("http_version_not_supported", "http_version")
    method = _METHODS.get(raw_method)
    if method is None:
        raise Refused("bad_request", "method")
    try:
        path = path_of(target)
    except TargetRefused as error:
        raise Refused("bad_request", error.reason) from None
    if len(received) > limits.max_headers:
        raise Refused("headers_too_large", "too_many_headers")
    lines: list[bytes] = []  # four parts each: name, colon, value, line break
    seen: dict[int | bytes, bytes] = {}
    for name, raw in received:
        kind = _kinds[name]
        if kind == FORWARD:
            lines += (name, b": ", raw.strip(b" \t"), b"\r\n")
            continue
        if kind == DROP:
            continue
        if kind == REFUSE:
            raise Refused("bad_request", "header_name")
        place: int | bytes = name.lower() if kind == ONCE else kind
        if place in seen:
            raise Refused("bad_request", "repeated_header")
        value = seen[place] = raw.strip(b" \t")
        if kind == ONCE:
            lines += (name, b": ", value, b"\r\n")
    host = seen.get(HOST)
    if host is None or _HOST.fullmatch(host) is None:
        raise Refused("bad_request", "host")
    length, framing = _framing(seen, limits)
    close, upgrade = False, False
    connection = seen.get(CONNECTION)
    if connection is not None:
        named = header_lines.tokens_of(connection)
        if named & header_lines.NOT_NAMED_BY_CONNECTION:
            raise Refused("bad_request", "connection_header")
        close, upgrade = b"close" in named, b"upgrade" in named
        if named - {b"close", b"keep-alive", b"upgrade"}:
            lines = _without(lines, named)
    # Only both together ask for a tunnel; an Upgrade that Connection does not name is dropped.
    upgrade = upgrade and UPGRADE in seen
    if upgrade:
        _check_upgrade(method, seen[UPGRADE], length)
        lines.append(b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
    expects = seen.get(EXPECT)
    if expects is not None and expects.lower() != b"100-continue":
        raise Refused("expectation_failed", "expect")
    request_id = seen.get(REQUEST_ID, b"")
    if _REQUEST_ID.fullmatch(request_id) is None:
        request_id = new_request_id().encode()
    lines += (b"Host: ", host, b"\r\nX-Request-ID: ", request_id, b"\r\n")
    return Examined(
        method,
        target,
        path,
        _bearer(seen.get(AUTHORIZATION)),
        request_id.decode(),
        b"".join(lines),
        framing,
        length,
        expects is not None,
        upgrade,
        close,
    )


def _without(lines: list[bytes], named: set[bytes]) -> list[bytes]:
    """The lines whose name is not among those."""
    kept: list[bytes] = []
    for start in range(0, len(lines), 4):
        if lines[start].lower() not in named:
            kept += lines[start : start + 4]
    return kept


def _framing(seen: dict[int | bytes, bytes], limits: Limits) -> tuple[int, bytes]:
    length, coding = seen.get(CONTENT_LENGTH), seen.get(TRANSFER_ENCODING)
    if coding is not None:
        if length is not None or coding != b"chunked":
            raise Refused("bad_request", "framing")
        return CHUNKED, b"Transfer-Encoding: chunked\r\n"
    if length is None:
        return 0, b""
    if _LENGTH.fullmatch(length) is None:
        raise Refused("bad_request", "framing")
    size = int(length)
    if size > limits.max_body_bytes:
        raise Refused("payload_too_large", "body_too_large")
    return size, b"Content-Length: %d\r\n" % size


def _check_upgrade(method: str, protocol: bytes, length: int) -> None:
    if method != "GET" or length != 0 or protocol.lower() != b"websocket":
        raise Refused("bad_request", "upgrade")


def _bearer(authorization: bytes | None) -> str:
    """The credential, or nothing at all when there is none in the one form we take."""
    if authorization is None or authorization[:7].lower() != b"bearer ":
        return ""
    return authorization[7:].decode("ascii", "replace")


def authorise(policy: Policy, request: Examined, claims: Claims) -> Verdict:
    """Judge a well-formed request of a verified caller: caller, method, path template."""
    rule = policy.match(request.method, request.path)
    if rule is None:
        return Verdict("forbidden", "no_rule")
    if claims.sub not in rule.subjects:
        return Verdict("forbidden", "caller", rule)
    if request.upgrade and not rule.upgrade:
        return Verdict("forbidden", "upgrade", rule)
    return Verdict(ALLOWED, "rule", rule)


def forwarded(request: Examined, subject: str) -> bytes:
    """The head that goes to the app: what was authorised, and who was authorised."""
    return b"%b %b HTTP/1.1\r\n%b%b%b: %b\r\n\r\n" % (
        request.method.encode(),
        request.target,
        request.lines,
        request.framing,
        IDENTITY_HEADER,
        subject.encode(),
    )


class Gate:
    """Verification and policy as one question, to be asked by the sidecar or by a middleware."""

    def __init__(self, policy: Policy, verifier: CredentialVerifier) -> None:
        self._policy = policy
        self._verifier = verifier

    def quick(self, request: Examined) -> tuple[Verdict, Claims | None] | None:
        """The verdict when the credential is already known; None when it must be verified."""
        if not request.token:
            return Verdict("unauthenticated", "missing"), None
        claims = self._verifier.cached(request.token)
        if claims is None:
            return None
        return authorise(self._policy, request, claims), claims

    async def settle(self, request: Examined) -> tuple[Verdict, Claims | None]:
        """The verdict, verifying the credential; never raises: what cannot be told is refused."""
        try:
            claims = await self._verifier.verify(request.token)
        except TokenMissing:
            return Verdict("unauthenticated", "missing"), None
        except TokenInvalid as error:
            return Verdict("unauthenticated", error.reason), None
        except KeysUnavailable:
            return Verdict("upstream_unavailable", "no_keys"), None
        return authorise(self._policy, request, claims), claims
