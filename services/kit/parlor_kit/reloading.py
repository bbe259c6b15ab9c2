"""`python -m parlor_kit.reloading --source DIR MODULE ...`: runs a process anew on every change.

For `skaffold dev` alone: the chart starts processes by it when `development.reload` is set. The
code is copied once into a folder that can be written (`--copy-to`, in an init container), which
comes first on PYTHONPATH; Skaffold puts changed files there. Never used in production.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

_POLL_SECONDS = 0.5
_STOP_SECONDS = 15.0


def copy(to: Path) -> None:
    """Put every package of ours where it can be changed."""
    for package in sorted(Path(sysconfig.get_path("purelib")).glob("parlor_*")):
        if package.is_dir() and not package.name.endswith(".dist-info"):
            shutil.copytree(package, to / package.name, dirs_exist_ok=True)


def state_of(folder: Path) -> dict[str, int]:
    """What tells one version of the source from another."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*.py") if path.exists()}


def run(source: Path, command: Sequence[str]) -> int:
    """Run the module until SIGTERM; its own end is waited out until the source changes."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    seen = state_of(source)
    child = subprocess.Popen([sys.executable, "-m", *command])  # noqa: S603 - our own module
    while not stopping:
        time.sleep(_POLL_SECONDS)
        now = state_of(source)
        if now != seen:
            seen = now
            print(f"parlor: the source changed: {command[0]} starts anew", flush=True)  # noqa: T201
            _end(child)
            child = subprocess.Popen([sys.executable, "-m", *command])  # noqa: S603
    return _end(child)


def _end(child: subprocess.Popen[bytes]) -> int:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m parlor_kit.reloading", description="Runs a process anew on changes."
    )
    parser.add_argument("--copy-to", type=Path, help="copy the source there, and end")
    parser.add_argument("--source", type=Path, default=Path(), help="what to watch")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="a module and its arguments")
    arguments = parser.parse_args()
    if arguments.copy_to is not None:
        copy(arguments.copy_to)
        return 0
    return run(arguments.source, arguments.command)


if __name__ == "__main__":
    sys.exit(main())
