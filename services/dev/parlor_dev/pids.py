"""Remembers which processes a stack started, so that the next one can end what a dead one left.

Called by `processes` (write, forget) and by `stack` at start (`end_leftovers`). A record names a
process by pid and start time, because the kernel gives pids out again: what does not match both
is somebody else's and is never signalled.
"""

import asyncio
import contextlib
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

_POLL_SECONDS = 0.05
_GRACE_POLLS = 200


@dataclass(frozen=True)
class Record:
    pid: int
    started: int
    stop_signal: int


def start_time(pid: int) -> int | None:
    """Clock ticks since boot at which `pid` started, or None where it runs no more."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if after_name[0] in "ZX":
        return None
    return int(after_name[19])


def write(path: Path, pid: int, stop_signal: int) -> None:
    record = Record(pid, start_time(pid) or 0, stop_signal)
    path.write_text(json.dumps(asdict(record)))


def read(path: Path) -> Record | None:
    try:
        return Record(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def is_alive(record: Record) -> bool:
    return start_time(record.pid) == record.started


def signal_group(pid: int, number: int) -> None:
    """Signal the process group that `pid` leads; it may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _read_all(folder: Path) -> dict[Path, Record]:
    return {path: record for path in sorted(folder.glob("*.json")) if (record := read(path))}


async def end_leftovers(folder: Path) -> list[str]:
    """End every recorded process that still runs, and return their names."""
    found = _read_all(folder)
    alive = {path.stem: record for path, record in found.items() if is_alive(record)}
    for record in alive.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, record.stop_signal)
    for _ in range(_GRACE_POLLS):
        if not any(is_alive(record) for record in alive.values()):
            break
        await asyncio.sleep(_POLL_SECONDS)
    for record in alive.values():
        if is_alive(record):
            signal_group(record.pid, signal.SIGKILL)
    for path in found:
        path.unlink(missing_ok=True)
    return list(alive)
