"""Fetches the jars of Apache Kafka from Maven Central, once, into the cache folder.

Called by `kafka`. pom.xml beside this file pins them. A folder appears under its final name only
when it is complete, and a file lock lets two stacks ask at the same time.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
from pathlib import Path

from parlor_dev import checkout, java, logfiles
from parlor_dev.problems import Problem
from parlor_dev.processes import Report, silent

POM = Path(__file__).with_name("pom.xml")
_SECONDS = 600.0


def check() -> None:
    """Say at once what would otherwise be said after half a start."""
    if not _folder().exists() and shutil.which("mvn") is None:
        raise Problem("Maven is missing, which fetches Kafka: apt-get install maven")


def _folder() -> Path:
    name = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    return checkout.cache_folder() / f"kafka-{name}"


async def ensure_jars(report: Report = silent) -> Path:
    """The folder with the jars."""
    target, cache = _folder(), _folder().parent
    if target.exists():
        return target
    check()
    await asyncio.to_thread(cache.mkdir, parents=True, exist_ok=True)
    with (cache / "kafka.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not target.exists():
            report("fetching Apache Kafka from Maven Central (43 MB, once)")
            await _copy_dependencies(target)
    return target


async def _copy_dependencies(target: Path) -> None:
    environment = dict(os.environ)
    bundled = java.bundled_home()
    if shutil.which("java") is None and "JAVA_HOME" not in environment and bundled is not None:
        environment["JAVA_HOME"] = str(bundled)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    log = target.with_name("maven.log")
    with log.open("wb") as output:
        child = await asyncio.create_subprocess_exec(
            "mvn",
            "--batch-mode",
            "--no-transfer-progress",
            f"--file={POM}",
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
            f"-DoutputDirectory={fresh}",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
        )
        try:
            async with asyncio.timeout(_SECONDS):
                status = await child.wait()
        except TimeoutError:
            raise Problem(f"Maven did not end in {_SECONDS:.0f} s: see {log}") from None
        finally:
            if child.returncode is None:
                child.kill()
    if status != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise Problem(
            f"Maven could not fetch Kafka (is the network there?): see {log}: "
            f"{logfiles.last_line(log)}"
        )
    fresh.rename(target)
