"""The state folder: `.parlor/` of the checkout, or PARLOR_HOME. Everything a stack keeps is there.

Called by `stack` and by the commands. Mode 0700; secrets are made once and kept with mode 0600.
A marker file says that the folder is ours, so that `make reset` never empties anything else, and
a file lock says that a stack runs on it, also when its process was killed and left files behind.
(Root is the exception: PostgreSQL cannot run as root, see `accounts`.)
"""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from io import TextIOWrapper
from pathlib import Path

from parlor_dev import accounts, checkout
from parlor_dev.problems import Problem

_MARKER = ".parlor-home"
# A Unix socket's path has 108 bytes. What follows the folder is "/customer-10.sock", and while
# Sanic binds it, a dot and 43 random characters.
_LONGEST_SOCKET_FOLDER = 45


@dataclass(frozen=True)
class RunState:
    """What a running stack tells the other commands."""

    pid: int
    url: str
    phase: str = "starting"
    health: dict[str, str] = field(default_factory=dict)


class Home:
    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.secrets = self.folder / "secrets"
        self.log = self.folder / "log"
        self.run = self.folder / "run"
        self.pids = self.run / "pids"
        self.credentials = self.run / "credentials"
        self.kafka = self.folder / "kafka"
        self._state = self.run / "state.json"
        self._lock: TextIOWrapper | None = None
        self._sockets: Path | None = None

    def create(self) -> None:
        """Make what is missing; refuse a folder that holds somebody's other files."""
        marker = self.folder / _MARKER
        if self.folder.exists() and not marker.exists() and any(self.folder.iterdir()):
            raise Problem(
                f"{self.folder} holds other files: set PARLOR_HOME to a folder of its own"
            )
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        marker.touch(mode=0o600)
        for folder in (self.secrets, self.log, self.run, self.pids, self.credentials):
            folder.mkdir(mode=0o700, exist_ok=True)

    def secret(self, name: str, make: Callable[[], str]) -> str:
        """The secret of that name, made at the first call and kept."""
        path = self.secret_file(name)
        if not path.exists():
            self.keep(name, make())
        return path.read_text()

    def keep(self, name: str, value: str) -> None:
        """Make `value` the secret of that name, whole or not at all."""
        path = self.secret_file(name)
        fresh = path.with_name(f".{name}.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(value)
        fresh.replace(path)

    def secret_file(self, name: str) -> Path:
        return self.secrets / name

    @property
    def sockets(self) -> Path:
        """Folder for Unix sockets: here, or where paths are short enough."""
        if self._sockets is None:
            here = self.run / "sockets"
            if len(os.fsencode(here)) <= _LONGEST_SOCKET_FOLDER:
                here.mkdir(mode=0o700, exist_ok=True)
                self._sockets = here
            else:
                self._sockets = Path(tempfile.mkdtemp(prefix="parlor-"))
        return self._sockets

    def lock(self) -> bool:
        """Take the lock, for as long as this process lives. False where another holds it."""
        lock = (self.folder / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        return True

    def unlock(self) -> None:
        self._state.unlink(missing_ok=True)
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def is_running(self) -> bool:
        """Whether some process holds the lock."""
        if not (self.folder / "lock").exists():
            return False
        if self.lock():
            if self._lock is not None:
                self._lock.close()
                self._lock = None
            return False
        return True

    def write_state(self, state: RunState) -> None:
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(state)))
        fresh.replace(self._state)

    def read_state(self) -> RunState | None:
        try:
            return RunState(**json.loads(self._state.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def wipe(self) -> bool:
        """Remove the folder and the PostgreSQL data that belongs to it. False: nothing there."""
        if not self.folder.exists():
            return False
        if not (self.folder / _MARKER).exists():
            raise Problem(f"{self.folder} is not a state folder of Parlor: nothing was removed")
        shutil.rmtree(accounts.postgres_folder(self.folder), ignore_errors=True)
        with contextlib.suppress(OSError):  # another stack keeps its data there
            accounts.ROOT_STATE.rmdir()
        shutil.rmtree(self.folder)
        return True


def default_home() -> Home:
    chosen = os.environ.get("PARLOR_HOME")
    return Home(Path(chosen) if chosen else checkout.root() / ".parlor")
