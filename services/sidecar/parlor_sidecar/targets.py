"""Which request targets mean the same to the sidecar, to the app, and to whoever reads the log.

Called by `decision`. A target is never normalised here: one that any component in the chain could
read in another way is refused, and one that passes is forwarded byte for byte.
"""

from __future__ import annotations

import re

# RFC 3986 `pchar` without percent-encoding, and without the `;` of path parameters.
_PLAIN_SEGMENT = rb"[A-Za-z0-9\-._~!$&'()*+,=:@]+"
_PLAIN_PATH = re.compile(rb"(?:/" + _PLAIN_SEGMENT + rb")+")
_ENCODED_PATH = re.compile(rb"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|%[0-9A-F]{2})+)+")
_QUERY = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
_ESCAPE = re.compile(rb"%([0-9A-F]{2})")
_DOT_SEGMENTS = (b".", b"..")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# What must not be smuggled in encoded form: a second slash, a second percent, a control.
_FORBIDDEN = frozenset(b"/\\%;") | frozenset(range(0x20)) | {0x7F}


class TargetRefused(Exception):
    """The target is not in the one form that everybody reads alike; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def path_of(target: bytes) -> bytes:
    """Return the canonical path of an origin-form target, or raise `TargetRefused`."""
    if not target.startswith(b"/"):
        raise TargetRefused("target_form")
    path, mark, query = target.partition(b"?")
    if mark and (_QUERY.fullmatch(query) is None or b"%00" in query):
        raise TargetRefused("query")
    if _PLAIN_PATH.fullmatch(path) is None:
        _check_encoded(path)
    if b"/." in path and _has_dot_segment(path):
        raise TargetRefused("dot_segment")
    return path


def _has_dot_segment(path: bytes) -> bool:
    return any(segment in _DOT_SEGMENTS for segment in path.split(b"/"))


def _check_encoded(path: bytes) -> None:
    if b"//" in path or path.endswith(b"/"):
        raise TargetRefused("empty_segment")
    if _ENCODED_PATH.fullmatch(path) is None:
        raise TargetRefused("path_bytes")
    for code in _ESCAPE.findall(path):
        value = int(code, 16)
        if value in _FORBIDDEN:
            raise TargetRefused("encoded_separator")
        if value in _UNRESERVED:
            raise TargetRefused("percent_encoding")
    decoded = _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), path)
    try:
        decoded.decode("utf-8")
    except UnicodeDecodeError:
        raise TargetRefused("percent_encoding") from None
