"""`make demo`: needs a running platform, exits 0 only if every step kept the contract.

It finds a running `make up` by itself; any other platform is told by `--url` and
PARLOR_ADMIN_PASSWORD, as the image of the demo is (`python -m parlor_dev.demo`).
"""

import argparse
import asyncio
import os
import sys

import aiohttp
from rich.console import Console

from parlor_dev import first_admin
from parlor_dev.client import Api
from parlor_dev.demo.cards import play_cards
from parlor_dev.demo.evidence import keep_evidence
from parlor_dev.demo.people import assemble
from parlor_dev.demo.screen import Broken, Screen
from parlor_dev.demo.tables import sit_elsewhere
from parlor_dev.demo.talk import converse
from parlor_dev.demo.trust import look_back, practise
from parlor_dev.home import default_home


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m parlor_dev demo",
        description="Tells one evening on Parlor through its public API, and checks every step.",
    )
    parser.add_argument(
        "--url",
        help="the platform's origin (default: the running make up), or one URL a service: "
        "http://{service}:8000",
    )
    parser.add_argument("--admin-email", help="of a platform told by --url")
    return parser.parse_args()


async def _tell(url: str, email: str, password: str, console: Console) -> bool:
    screen = Screen(console)
    try:
        async with Api(url) as api:
            cast = await assemble(api, screen, email, password)
            conversation = await converse(cast, screen)
            game = await play_cards(cast, screen)
            await look_back(cast, screen, game)
            await practise(cast, screen)
            await sit_elsewhere(cast, screen)
            await keep_evidence(cast, screen, conversation)
    except Broken as broken:
        console.print(f"\n[red]The story broke at:[/] {broken}")
    except aiohttp.ClientConnectionError as fault:
        console.print(f"\n[red]{url} does not answer:[/] {fault}")
    screen.table()
    told = bool(screen.steps) and all(step.passed for step in screen.steps)
    seconds = sum(step.seconds for step in screen.steps)
    verdict = "[green]Every step did what the contract says" if told else "[red]The demo failed"
    console.print(f"{verdict}[/] · {len(screen.steps)} steps · {seconds:.1f} s\n")
    return told


def main() -> int:
    arguments = _arguments()
    console = Console()
    home = default_home()
    kept = first_admin.kept(home)
    url, email = arguments.url, arguments.admin_email or os.environ.get("PARLOR_ADMIN_EMAIL")
    password = os.environ.get("PARLOR_ADMIN_PASSWORD")
    if url is None:
        # Of a `make up` the state folder knows; what this terminal's environment says does not
        # matter, as it did not matter there.
        state = home.read_state()
        url = state.url if state else None
        email, password = (kept.email, kept.password) if kept else (email, password)
    elif password is None and kept is not None:
        email, password = email or kept.email, kept.password
    if url is None:
        console.print("No running platform was found: start it with [bold]make up[/] first.")
        return 2
    if password is None:
        console.print("Set PARLOR_ADMIN_PASSWORD: the password of the first admin is needed.")
        return 2
    email = email or first_admin.DEFAULT_EMAIL
    return 0 if asyncio.run(_tell(url, email, password, console)) else 1


if __name__ == "__main__":
    sys.exit(main())
