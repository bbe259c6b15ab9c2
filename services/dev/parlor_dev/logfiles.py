"""Keeps the log files of the processes bounded. Called by `processes` and `stack`.

A file that has grown is renamed to `<name>.1` at the next start of its process; one that grows
too far under a running process is copied there and emptied in place, since the process keeps it
open for appending.
"""

import os
import shutil
from pathlib import Path

ROTATE_AT_START = 4 * 1024 * 1024
ROTATE_RUNNING = 64 * 1024 * 1024
_TAIL_BYTES = 4096


def previous(path: Path) -> Path:
    return path.with_name(path.name + ".1")


def rotate(path: Path) -> None:
    """Called before a process opens the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > ROTATE_AT_START:
        path.replace(previous(path))


def bound_running(folder: Path) -> None:
    """Called now and then while processes write."""
    for path in folder.glob("*.log"):
        if path.stat().st_size > ROTATE_RUNNING:
            shutil.copyfile(path, previous(path))
            os.truncate(path, 0)


def last_line(path: Path) -> str:
    """The last line that says something, for a message about a process that failed."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "(empty log)")
