"""Code that changes under a running process starts it anew; SIGTERM ends both."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from factories.polling import until

PROGRAM = """
import os, pathlib, time
with open(os.environ["SAID"], "a") as said:
    said.write("{word}\\n")
while True:
    time.sleep(0.05)
"""


async def test_a_changed_file_starts_the_process_anew_and_sigterm_ends_it(tmp_path: Path) -> None:
    module, said = tmp_path / "src" / "probe.py", tmp_path / "said"
    module.parent.mkdir()
    module.write_text(PROGRAM.format(word="first"))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "parlor_kit.reloading", "--source", str(module.parent), "probe"),
        env={**os.environ, "PYTHONPATH": str(module.parent), "SAID": str(said)},
    )
    try:
        await until(lambda: said.exists() and said.read_text() == "first\n", 20)
        module.write_text(PROGRAM.format(word="second"))
        await until(lambda: said.read_text() == "first\nsecond\n", 20)
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            await child.wait()
    finally:
        if child.returncode is None:
            child.kill()


async def test_it_copies_the_source_to_where_it_can_be_changed(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "parlor_kit.reloading", "--copy-to", str(tmp_path))
    )
    assert await child.wait() == 0
