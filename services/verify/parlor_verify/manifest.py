"""`parlor verify-manifest`: whether what archive expiry says that it deleted is genuine.

The files are what the admin routes gave, in any order:

    GET /api/v1/admin/archive-expiry/chain                one signed statement a line, a run each
    GET /api/v1/admin/archive-expiry/runs/{id}/manifest   one decision a line, in canonical JSON

A statement names its run, the counts of it, the SHA-256 of its manifest, and the SHA-256 of the
statement before it. So none can be changed, moved or taken out of the middle, and a manifest that
was touched fits none. That the chain was cut at its end shows in the audit log, which has a record
of each run: `--audit` takes an export of it (check that one with `parlor verify-audit`).
"""

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from parlor_verify.envelopes import Keys, Untrusted, open_envelope, read_keys

MANIFEST = "application/vnd.parlor.expiry-manifest+json"

_NOTHING = "0" * 64
_ENDED = {f"archive_expiry.{state}" for state in ("finished", "cancelled", "interrupted")}
_ACTIONS = ("archived", "expired", "held")


class ManifestCheck:
    """Reads the chain first, then manifests; `findings` say in words what does not hold."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._previous = _NOTHING
        self.findings: list[str] = []
        self.statements: list[Mapping[str, Any]] = []
        self.manifests = 0

    def read_chain(self, lines: Iterable[str]) -> None:
        """Check every statement, and that each follows on the one before it."""
        for line in lines:
            expected = len(self.statements) + 1
            try:
                payload = open_envelope(json.loads(line), MANIFEST, self._keys)
            except (Untrusted, ValueError) as wrong:
                self.findings.append(f"statement {expected}: {wrong}")
                payload = None
            statement = json.loads(payload) if payload is not None else {"number": expected}
            if payload is not None:
                if statement["number"] != expected:
                    self.findings.append(
                        f"statement {statement['number']} stands where {expected} should be"
                    )
                elif statement["previous_sha256"] != self._previous:
                    self.findings.append(
                        f"statement {expected} does not follow on the one before it"
                    )
                self._previous = hashlib.sha256(payload).hexdigest()
            self.statements.append(statement)

    def read_manifest(self, name: str, content: bytes) -> None:
        """Check that a manifest is the one of some run, and says what the run's statement says."""
        self.manifests += 1
        sha256 = hashlib.sha256(content).hexdigest()
        fitting = [each for each in self.statements if each.get("manifest_sha256") == sha256]
        if not fitting:
            self.findings.append(f"{name} is the manifest of no run in the chain, or was changed")
            return
        counts: Counter[str] = Counter()
        for line in content.splitlines():
            decision = json.loads(line)
            counts[decision["action"]] += decision.get("messages", 1)
        for statement in fitting:
            if [counts[action] for action in _ACTIONS] != [statement[each] for each in _ACTIONS]:
                self.findings.append(
                    f"{name} counts otherwise than statement {statement['number']}"
                )

    def read_audit(self, lines: Iterable[str]) -> None:
        """Check that every run of which the audit log knows the end is in the chain as it ended."""
        stated = {each.get("run_id"): each.get("manifest_sha256") for each in self.statements}
        for line in lines:
            record = json.loads(line).get("record", {})
            details = record.get("details", {})
            if record.get("action") not in _ENDED or details.get("dry_run"):
                continue
            if record["run_id"] not in stated:
                self.findings.append(
                    f"the chain says nothing of run {record['run_id']}: it was cut"
                )
            elif stated[record["run_id"]] != details.get("manifest_sha256"):
                self.findings.append(f"run {record['run_id']} had another manifest when it ended")


def verify_manifest(arguments: Sequence[str]) -> int:
    """Check the files and say what was found; the exit status of the command."""
    parser = argparse.ArgumentParser(
        prog="parlor verify-manifest",
        description="Check the signed chain of archive-expiry runs, and manifests against it.",
    )
    parser.add_argument("files", nargs="+", type=Path, help="the chain, and manifests of runs")
    parser.add_argument("--keys", type=Path, required=True, help="public keys, as a JWK set")
    parser.add_argument("--audit", type=Path, help="an exported audit log, to find a cut chain")
    given = parser.parse_args(arguments)
    try:
        check = ManifestCheck(read_keys(given.keys))
        contents = {path: path.read_bytes() for path in given.files}
        audit = given.audit.read_text().splitlines() if given.audit else ()
        chains = [path for path, content in contents.items() if _is_chain(content)]
        if len(chains) != 1:
            raise ValueError("give exactly one chain, as GET .../archive-expiry/chain gave it")
        check.read_chain(contents.pop(chains[0]).decode().splitlines())
        for path, content in contents.items():
            check.read_manifest(str(path), content)
        check.read_audit(audit)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as wrong:
        print(f"parlor: {wrong}", file=sys.stderr)  # noqa: T201
        return 2
    for finding in check.findings:
        print(finding)  # noqa: T201
    if check.findings:
        return 1
    print(  # noqa: T201
        f"{len(check.statements)} signed statements in an unbroken chain, "
        f"{check.manifests} manifests as stated"
    )
    return 0


def _is_chain(content: bytes) -> bool:
    first = content.split(b"\n", 1)[0]
    return b'"payloadType"' in first
