"""A supervisor in a process of its own, with stand-ins for the services, to be killed by a test.

Run by path with a state folder and a port. It says "ready" when its stack runs and then stays.
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from factories import stand_in
from parlor_dev.stack import Stack


async def main(home: str, port: str) -> None:
    stack = Stack(Path(home), port=int(port), program=stand_in.program)
    await stack.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
