"""`parlor verify-audit`: whether an exported audit log is whole, in order and unchanged.

The file is what `GET /api/v1/admin/audit/export` gave, one JSON object a line:

    {"export": ENVELOPE}                       how far the log went when it was exported
    {"record": {...}, "sha256": "..."}         every record, from position 1 on
    {"head": ENVELOPE}                         every signed head, from number 1 on

A record's hash is the SHA-256 of its canonical JSON (RFC 8785), which has the hash of the record
before it inside. A head states position and hash of a record, and the hash of the head before it.
Whoever changes, removes, moves or adds a record has to sign new heads, and cannot. Whoever takes
heads away as well is found by a head that somebody kept, from the log of a process for example:
`--head` takes a file of such lines.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parlor_verify.envelopes import Keys, Untrusted, open_envelope, read_keys

EXPORT = "application/vnd.parlor.audit-export+json"
HEAD = "application/vnd.parlor.audit-head+json"

_NOTHING = "0" * 64
_MOST_FINDINGS = 50


class AuditCheck:
    """Reads a log line by line; `findings` say in words what does not hold."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.findings: list[str] = []
        self.stated: Mapping[str, Any] | None = None
        self.heads: list[Mapping[str, Any]] = []
        self._hashes: dict[int, str] = {}
        self._last = 0
        self._previous = _NOTHING
        self._previous_head = _NOTHING

    @property
    def records(self) -> int:
        return len(self._hashes)

    def read(self, lines: Iterator[str]) -> None:
        """Check every line, then what they say together."""
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line, object_pairs_hook=_members)
                kind = next(iter(entry)) if isinstance(entry, dict) and entry else None
            except ValueError:
                kind = None
            match kind:
                case "record" if not self.heads:
                    self._record(entry)
                case "head":
                    self._head(entry["head"])
                case "export" if number == 1:
                    self._export(entry["export"])
                case _:
                    self._find(f"line {number} is not a line of an export, or stands in no order")
        self._end()

    def compare(self, envelope: Any) -> None:
        """Check a head that was kept elsewhere against this log."""
        head = self._opened(envelope, HEAD, "a kept head")
        if head is not None and not self._agrees(head):
            self._find(
                f"the kept head {head['number']} of {head['at']} says that record "
                f"{head['position']} was another: the log was cut or rewritten since"
            )

    def _export(self, envelope: Any) -> None:
        self.stated = self._opened(envelope, EXPORT, "the statement of the export")

    def _record(self, entry: Mapping[str, Any]) -> None:
        record, sha256 = entry["record"], str(entry.get("sha256"))
        position = record.get("position") if isinstance(record, dict) else None
        if not isinstance(position, int):
            self._find(f"what follows on record {self._last} is not a record")
            return
        if position > self._last + 1:
            self._find(f"records {self._last + 1} to {position - 1} are missing")
        elif position <= self._last:
            self._find(f"record {position} stands after record {self._last}")
        elif record.get("previous_sha256") != self._previous:
            self._find(f"record {position} does not follow on the one before it")
        if hashlib.sha256(_canonical(record)).hexdigest() != sha256:
            self._find(f"record {position} was changed")
        self._last, self._previous = position, sha256
        self._hashes.setdefault(position, sha256)

    def _head(self, envelope: Any) -> None:
        expected = len(self.heads) + 1
        head = self._opened(envelope, HEAD, f"head {expected}")
        if head is None:
            return
        if head["number"] != expected or head["previous_head_sha256"] != self._previous_head:
            self._find(f"head {head['number']} does not follow on the one before it")
        if head["position"] > self._last:
            self._find(
                f"the tail was cut: head {head['number']} of {head['at']} speaks of record "
                f"{head['position']}, the log ends with record {self._last}"
            )
        elif not self._agrees(head):
            self._find(
                f"head {head['number']} of {head['at']} says that record {head['position']} "
                "was another: the log up to there was rewritten"
            )
        self.heads.append(head)
        self._previous_head = hashlib.sha256(_canonical(head)).hexdigest()

    def _end(self) -> None:
        stated = self.stated
        if stated is None:
            self._find("the export does not say how far it goes")
        else:
            if not self._agrees(stated) or stated["position"] != self._last:
                self._find(
                    f"the log went to record {stated['position']} when it was exported at "
                    f"{stated['at']}, here it ends with record {self._last}"
                )
            if stated["heads"] != len(self.heads):
                self._find(f"{stated['heads']} heads were exported, here are {len(self.heads)}")
        covered = self.heads[-1]["position"] if self.heads else 0
        if covered < self._last:
            self._find(f"no signed head speaks of records {covered + 1} to {self._last}")

    def _agrees(self, statement: Mapping[str, Any]) -> bool:
        return bool(self._hashes.get(statement["position"]) == statement["sha256"])

    def _opened(self, envelope: Any, kind: str, name: str) -> dict[str, Any] | None:
        try:
            statement = json.loads(open_envelope(envelope, kind, self._keys))
        except Untrusted as wrong:
            self._find(f"{name} cannot be trusted: {wrong}")
            return None
        return dict(statement)

    def _find(self, finding: str) -> None:
        self.findings.append(finding)


def verify_audit(arguments: Sequence[str]) -> int:
    """Check one export; 0 when everything holds, 1 when not, 2 when it cannot be read."""
    parser = argparse.ArgumentParser(
        prog="parlor verify-audit", description="Check an exported audit log for tampering."
    )
    parser.add_argument("file", type=Path, help="what GET /api/v1/admin/audit/export gave")
    parser.add_argument(
        "--keys", type=Path, required=True, help="what GET /api/v1/admin/evidence-keys gave"
    )
    parser.add_argument(
        "--head", type=Path, action="append", default=[], help="heads kept elsewhere, one a line"
    )
    given = parser.parse_args(arguments)
    try:
        check = AuditCheck(read_keys(given.keys))
        with given.file.open(encoding="utf-8") as lines:
            check.read(iter(lines))
        for path in given.head:
            for envelope in _kept(path):
                check.compare(envelope)
    except (OSError, ValueError) as fault:
        print(f"parlor: {fault}", file=sys.stderr)  # noqa: T201
        return 2
    for finding in check.findings[:_MOST_FINDINGS]:
        print(f"{given.file}: {finding}")  # noqa: T201
    if check.findings:
        print(f"{given.file}: {len(check.findings)} findings")  # noqa: T201
        return 1
    at = check.stated["at"] if check.stated else ""
    print(  # noqa: T201
        f"{given.file}: {check.records} records and {len(check.heads)} signed heads hold together, "
        f"as of {at}"
    )
    return 0


def _kept(path: Path) -> Iterator[Any]:
    """Envelopes in a file: bare, or as the line of a process's log has them."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            entry = json.loads(line)
            yield entry.get("envelope", entry) if isinstance(entry, dict) else entry


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose members have one value each: two readers must not see two records."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
