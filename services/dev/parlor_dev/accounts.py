"""Which operating system account PostgreSQL runs as, and where it may keep its files.

Called by `postgres`. PostgreSQL refuses to run as root. For an ordinary user there is nothing to
decide. For root this picks a number that no account has, without adding one to the system, and a
folder that this number can reach: a state folder of mode 0700 under, say, /root is closed to it,
and opening the parents of somebody's home is out of the question.
"""

import grp
import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from parlor_dev.problems import Problem

# Where PostgreSQL keeps its files when `make up` is run by root. `make reset` removes them.
ROOT_STATE = Path("/var/lib/parlor-dev")
# Numbers that neither distributions, nor systemd, nor user namespaces hand out.
_UNUSED_NUMBERS = range(65533, 65519, -1)


@dataclass(frozen=True)
class ServerAccount:
    """`number` runs the server. `named` runs initdb, which insists on an account with a name."""

    number: int
    named: int


def server_account() -> ServerAccount | None:
    """The account for PostgreSQL, or None where it can run as whoever runs this."""
    if os.geteuid() != 0:
        return None
    number = next((n for n in _UNUSED_NUMBERS if _is_unused(n)), None)
    named = next((entry.pw_uid for entry in _by_preference() if entry.pw_uid != 0), None)
    if number is None or named is None:
        raise Problem("PostgreSQL cannot run as root here: run `make up` as an ordinary user")
    return ServerAccount(number, named)


def postgres_folder(home: Path) -> Path:
    """Where the PostgreSQL of this state folder lives."""
    if os.geteuid() != 0:
        return home / "postgres"
    return ROOT_STATE / hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]


def temporary_postgres_folder() -> Path:
    """A folder for one test run; what killed runs left of theirs is removed."""
    if os.geteuid() != 0:
        return Path(tempfile.mkdtemp(prefix="parlor-postgres-"))
    ROOT_STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    for left in ROOT_STATE.glob("run-*-*"):
        if not Path(f"/proc/{left.name.split('-')[1]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=ROOT_STATE))


def make_private(folder: Path, owner: int | None) -> None:
    """Make `folder` for `owner` alone, below parents that everybody may pass."""
    if owner is not None and folder.is_relative_to(ROOT_STATE):
        ROOT_STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink():
        raise Problem(f"{folder} is a symbolic link; remove it and start again")
    if owner is not None:
        os.chown(folder, owner, owner)


def hand_over(folder: Path, owner: int) -> None:
    """Give `folder` and all in it to `owner`."""
    for parent, folders, files in os.walk(folder):
        os.lchown(parent, owner, owner)
        for name in (*folders, *files):
            os.lchown(os.path.join(parent, name), owner, owner)


def reachable_copy(source: Path, siblings: tuple[Path, ...], name: str) -> Path:
    """`source`, or where others may not enter it, a copy that they may (with its siblings)."""
    if _open_to_others(source):
        return source
    target = ROOT_STATE / name
    if not target.exists():
        ROOT_STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = ROOT_STATE / f".{name}.{os.getpid()}"
        for folder in (source, *siblings):
            shutil.copytree(folder, fresh / folder.relative_to(source.parents[1]), symlinks=True)
        fresh.chmod(0o755)
        try:
            fresh.rename(target)
        except OSError:
            shutil.rmtree(fresh)
    return target / source.relative_to(source.parents[1])


def _open_to_others(folder: Path) -> bool:
    wanted = stat.S_IROTH | stat.S_IXOTH
    parents_open = all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.parents)
    return parents_open and folder.stat().st_mode & wanted == wanted


def _is_unused(number: int) -> bool:
    for lookup in (pwd.getpwuid, grp.getgrgid):
        try:
            lookup(number)
        except KeyError:
            continue
        return False
    return True


def _by_preference() -> list[pwd.struct_passwd]:
    return sorted(pwd.getpwall(), key=lambda entry: entry.pw_name != "nobody")
