"""`parlor verify-export`: whether an export is what was handed out, whole and unchanged.

The file is the zip that `GET /api/v1/admin/exports/{id}/download` gave. Its manifest.json lists
every other file with size and SHA-256; manifest.dsse.json is a signed statement (DSSE, Ed25519) of
the manifest's own SHA-256 and of what the export is about. So a file that was changed, added or
taken away is found, and so is a manifest that was made anew. Each conversation is counted as well:
as many mails as lines in messages.jsonl, as many in all as the manifest says.
"""

import argparse
import hashlib
import json
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parlor_verify.envelopes import Keys, Untrusted, open_envelope, read_keys

MANIFEST = "application/vnd.parlor.export-manifest+json"
FORMAT = "parlor-export/1"

_UNLISTED = ("manifest.json", "manifest.dsse.json")
_MOST_FINDINGS = 50
_AT_ONCE = 1024 * 1024
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


class ExportCheck:
    """Checks an archive; `findings` say in words what does not hold."""

    def __init__(self, archive: zipfile.ZipFile, keys: Keys) -> None:
        self._archive = archive
        self._keys = keys
        self.findings: list[str] = []
        self.statement: Mapping[str, Any] = {}
        self.files = 0

    def run(self) -> None:
        names = self._archive.namelist()
        for name, times in Counter(names).items():
            if times > 1:
                self._find(f"{name} is in it {times} times")
            if name.startswith("/") or ".." in name.split("/") or "\\" in name:
                self._find(f"{name} would be written outside of where it is unpacked")
        missing = [name for name in _UNLISTED if name not in names]
        for name in missing:
            self._find(f"{name} is missing")
        if missing:
            return
        manifest = self._archive.read("manifest.json")
        self._statement(manifest)
        listed = self._listed(manifest)
        for name in sorted(set(names) - set(listed) - set(_UNLISTED)):
            self._find(f"{name} is not in the manifest")
        lines: Counter[str] = Counter()
        mails: Counter[str] = Counter()
        for path, said in listed.items():
            if path not in names:
                self._find(f"{path} is missing")
                continue
            ends = self._file(path, said)
            folder = "/".join(path.split("/")[:2])
            lines[folder] += ends if path.endswith("/messages.jsonl") else 0
            mails[folder] += path.endswith(".eml")
        self._count(lines, mails)

    def _statement(self, manifest: bytes) -> None:
        """The signed statement is about this very manifest, and they say the same."""
        try:
            envelope = json.loads(self._archive.read("manifest.dsse.json"))
            statement = json.loads(open_envelope(envelope, MANIFEST, self._keys))
        except (Untrusted, ValueError) as wrong:
            self._find(f"the signature of the manifest: {wrong}")
            return
        self.statement = statement
        if statement.get("format") != FORMAT:
            self._find(f"the format is {statement.get('format')!r}, not {FORMAT!r}")
        if statement.get("manifest_sha256") != hashlib.sha256(manifest).hexdigest():
            self._find("manifest.json is not the one that was signed")

    def _listed(self, manifest: bytes) -> dict[str, Mapping[str, Any]]:
        try:
            document = json.loads(manifest)
            listed = {str(each["path"]): each for each in document.pop("files")}
        except (ValueError, KeyError, TypeError, AttributeError):
            self._find("manifest.json is no manifest")
            return {}
        signed = {name: said for name, said in self.statement.items() if name != "manifest_sha256"}
        if self.statement and document != signed:
            self._find("manifest.json says other things of the export than its signed statement")
        return listed

    def _file(self, path: str, said: Mapping[str, Any]) -> int:
        """Compare one file with what the manifest says of it; how many lines it has."""
        digest, size, ends = hashlib.sha256(), 0, 0
        try:
            with self._archive.open(path) as content:
                while piece := content.read(_AT_ONCE):
                    digest.update(piece)
                    size += len(piece)
                    ends += piece.count(b"\n")
        except _BROKEN as wrong:
            self._find(f"{path} cannot be read: {wrong}")
            return ends
        self.files += 1
        if (size, digest.hexdigest()) != (said.get("size"), said.get("sha256")):
            self._find(f"{path} was changed")
        return ends

    def _count(self, lines: Counter[str], mails: Counter[str]) -> None:
        for folder in sorted(set(lines) | set(mails)):
            if lines[folder] != mails[folder]:
                self._find(f"{folder} has {lines[folder]} messages and {mails[folder]} mails")
        if self.statement and lines.total() != self.statement.get("messages"):
            self._find(
                f"it has {lines.total()} messages, and was made with "
                f"{self.statement.get('messages')}"
            )

    def _find(self, finding: str) -> None:
        self.findings.append(finding)


def verify_export(arguments: Sequence[str]) -> int:
    """Check one export; 0 when everything holds, 1 when not, 2 when it cannot be read."""
    parser = argparse.ArgumentParser(
        prog="parlor verify-export", description="Check an export for tampering."
    )
    parser.add_argument("file", type=Path, help="what .../exports/{id}/download gave")
    parser.add_argument(
        "--keys", type=Path, required=True, help="what GET /api/v1/admin/evidence-keys gave"
    )
    given = parser.parse_args(arguments)
    try:
        keys = read_keys(given.keys)
        with zipfile.ZipFile(given.file) as archive:
            check = ExportCheck(archive, keys)
            check.run()
    except (OSError, ValueError, *_BROKEN) as fault:
        print(f"parlor: {fault}", file=sys.stderr)  # noqa: T201
        return 2
    for finding in check.findings[:_MOST_FINDINGS]:
        print(f"{given.file}: {finding}")  # noqa: T201
    if check.findings:
        print(f"{given.file}: {len(check.findings)} findings")  # noqa: T201
        return 1
    said = check.statement
    print(  # noqa: T201
        f"{given.file}: {check.files} files hold together: {said['messages']} messages of "
        f"{said['conversations']} conversations, {said['scope']} {said['subject']}, as of "
        f"{said['finished_at']}"
    )
    return 0
