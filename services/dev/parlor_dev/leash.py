"""Ties a child's life to its parent's: the child gets a signal when the parent dies.

Why: a SIGKILLed `make up` cannot stop anything itself, so the kernel must (PR_SET_PDEATHSIG).
`processes` starts every child through this file: `leash.py SIGNAL PARENT ACCOUNT COMMAND...`,
since between fork and exec of a threaded program no Python is safe to run, after exec all is.
It also raises the limit of open files (a socket for each player, where the usual limit is 1024),
and gives up root for the account named (a number, or "-" to stay): not before, because that
account may not be able to read this interpreter. It imports the standard library alone: it runs,
isolated and without site-packages, before every process of the platform.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
_OPEN_FILES = 65536


def raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if 0 <= soft < wanted else soft, hard))


def drop_to(number: int) -> None:
    os.setgroups([])
    os.setgid(number)
    os.setuid(number)


def tie(death_signal: int, parent: int) -> None:
    """Ask the kernel for `death_signal` at the death of `parent`; end now if it is dead already.

    The kernel forgets the wish when the account changes, so this comes after `drop_to`.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def main(death_signal: str, parent: str, account: str, *command: str) -> None:
    raise_open_files()
    if account != "-":
        drop_to(int(account))
    tie(int(death_signal), int(parent))
    os.execv(command[0], command)  # noqa: S606 - the point is to have no shell


if __name__ == "__main__":
    main(*sys.argv[1:])
