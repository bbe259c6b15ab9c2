"""The deny-by-default policy of one service: which caller may use which internal route.

Read from `sidecar.toml` at start and never again. `decision` asks it; the service's own tests
compare it with the service's table of internal routes. What is not listed is denied, and a file
that could be read in two ways does not start.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MAX_FILE_BYTES = 256 * 1024

_AUDIENCE = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
_CALLER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LITERAL = re.compile(r"[A-Za-z0-9\-._~]+")
_PLACEHOLDER = re.compile(r"\{[a-z][a-z0-9_]*\}")


class PolicyInvalid(Exception):
    """The policy file cannot be used; the message is the one line that the operator sees."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the policy: a route and who may use it."""

    method: str
    path: str
    callers: tuple[str, ...]
    upgrade: bool = False
    subjects: frozenset[str] = frozenset()
    segments: tuple[str | None, ...] = ()

    @property
    def pattern(self) -> bytes:
        """The paths of this route, as an expression without groups."""
        return b"/".join(
            b"[!-.0-~]+" if segment is None else re.escape(segment.encode())
            for segment in self.segments
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy of one service, ready to be asked."""

    audience: str
    rules: tuple[Rule, ...]
    _index: Mapping[str, tuple[re.Pattern[bytes], tuple[Rule, ...]]] = field(repr=False)

    def match(self, method: str, path: bytes) -> Rule | None:
        """The one rule for this route, or None: at most one can match, the file was checked."""
        entry = self._index.get(method)
        if entry is None:
            return None
        found = entry[0].fullmatch(path)
        return None if found is None else entry[1][(found.lastindex or 1) - 1]


def load(file: Path, namespace: str) -> Policy:
    """Read a policy file; raises `PolicyInvalid` naming the file and the entry."""
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_FILE_BYTES + 1)
        if len(text) > MAX_FILE_BYTES:
            raise PolicyInvalid("the file is too large")
        return build(tomllib.loads(text.decode("utf-8")), namespace)
    except OSError as error:
        raise PolicyInvalid(f"{file}: {error.strerror or error}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PolicyInvalid(f"{file}: not TOML: {error}") from None
    except PolicyInvalid as error:
        raise PolicyInvalid(f"{file}: {error}") from None


def build(document: Mapping[str, object], namespace: str) -> Policy:
    """Check a parsed policy and make it ready; raises `PolicyInvalid`."""
    unknown = set(document) - {"audience", "allow"}
    if unknown:
        raise PolicyInvalid(f"unknown key {sorted(unknown)[0]}")
    audience = document.get("audience")
    if not isinstance(audience, str) or not _AUDIENCE.fullmatch(audience):
        raise PolicyInvalid("audience must be a lower-case name such as identity.internal")
    if not _CALLER.fullmatch(namespace):
        raise PolicyInvalid(f"{namespace!r} is not a namespace")
    entries = document.get("allow", [])
    if not isinstance(entries, list):
        raise PolicyInvalid("allow must be written as [[allow]]")
    rules: list[Rule] = []
    for number, entry in enumerate(entries, start=1):
        try:
            rule = _rule(entry, namespace)
        except PolicyInvalid as error:
            raise PolicyInvalid(f"allow entry {number}: {error}") from None
        for other in rules:
            if _overlap(rule, other):
                raise PolicyInvalid(
                    f"allow entry {number}: {rule.method} {rule.path} overlaps {other.path}"
                )
        rules.append(rule)
    return Policy(audience, tuple(rules), _index(rules))


def _index(rules: Sequence[Rule]) -> dict[str, tuple[re.Pattern[bytes], tuple[Rule, ...]]]:
    """For each method one expression, whose groups are the rules: one question a request."""
    index = {}
    for method in {rule.method for rule in rules}:
        own = tuple(rule for rule in rules if rule.method == method)
        pattern = b"|".join(b"(%b)" % rule.pattern for rule in own)
        index[method] = (re.compile(pattern), own)
    return index


def _rule(entry: object, namespace: str) -> Rule:
    if not isinstance(entry, dict):
        raise PolicyInvalid("must be a table")
    unknown = set(entry) - {"method", "path", "callers", "upgrade"}
    if unknown:
        raise PolicyInvalid(f"unknown key {sorted(unknown)[0]}")
    method, path = entry.get("method"), entry.get("path")
    callers, upgrade = entry.get("callers"), entry.get("upgrade", False)
    if method not in METHODS:
        raise PolicyInvalid(f"method must be one of {', '.join(sorted(METHODS))}")
    if not isinstance(path, str):
        raise PolicyInvalid("path must be text")
    if not isinstance(callers, list) or not callers:
        raise PolicyInvalid("callers must be a list that names somebody")
    for caller in callers:
        if not isinstance(caller, str) or not _CALLER.fullmatch(caller):
            raise PolicyInvalid(f"{caller!r} is not the name of a service account")
    if len(set(callers)) != len(callers):
        raise PolicyInvalid("a caller is listed twice")
    if not isinstance(upgrade, bool) or (upgrade and method != "GET"):
        raise PolicyInvalid("upgrade is true or false, and only for GET")
    subjects = frozenset(f"system:serviceaccount:{namespace}:{caller}" for caller in callers)
    return Rule(method, path, tuple(callers), upgrade, subjects, _segments(path))


def _segments(path: str) -> tuple[str | None, ...]:
    if not path.startswith("/"):
        raise PolicyInvalid("path must begin with /")
    segments: list[str | None] = [""]
    for segment in path.split("/")[1:]:
        if _PLACEHOLDER.fullmatch(segment):
            segments.append(None)
        elif _LITERAL.fullmatch(segment) and segment not in (".", ".."):
            segments.append(segment)
        else:
            raise PolicyInvalid(f"{path} has a segment that is neither literal nor {{name}}")
    return tuple(segments)


def _overlap(one: Rule, other: Rule) -> bool:
    """Whether some request would match both."""
    return (
        one.method == other.method
        and len(one.segments) == len(other.segments)
        and all(
            a is None or b is None or a == b
            for a, b in zip(one.segments, other.segments, strict=True)
        )
    )
