"""The `parlor` command: one subcommand for each thing that can be checked."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from parlor_verify.audit import verify_audit
from parlor_verify.export import verify_export
from parlor_verify.game import verify_game
from parlor_verify.manifest import verify_manifest

Check = Callable[[Sequence[str]], int]

# Name: what it checks, and the function that takes the rest of the command line and gives the
# exit status: 0 everything holds, 1 something does not, 2 it cannot be read.
COMMANDS: Mapping[str, tuple[str, Check]] = {
    "verify-game": ("a finished game: its deal, its moves and its score", verify_game),
    "verify-audit": ("an exported audit log", verify_audit),
    "verify-manifest": ("what archive expiry says it deleted", verify_manifest),
    "verify-export": ("an export of conversations", verify_export),
}


def main() -> None:
    """Run one command; exits with its status."""
    parser = argparse.ArgumentParser(prog="parlor", description="Check what Parlor handed out.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (summary, _) in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    arguments, rest = parser.parse_known_args()
    sys.exit(COMMANDS[arguments.command][1](rest))


if __name__ == "__main__":
    main()
