"""`python -m parlor_dev`: runs the whole platform on this machine. The Makefile calls it."""

import argparse
import asyncio
import importlib.util
import runpy
import sys

from parlor_dev import commands, console, variables
from parlor_dev.problems import Problem
from parlor_dev.processes import ProcessFailed


def main() -> int:
    parser = _parser()
    arguments, rest = parser.parse_known_args()
    if rest and arguments.command != "demo":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        match arguments.command:
            case "up":
                replicas = dict(arguments.replicas or ())
                asyncio.run(commands.up(replicas, end_with_parent=arguments.end_with_parent))
            case "down":
                asyncio.run(commands.down())
            case "status":
                asyncio.run(commands.status())
            case "reset":
                asyncio.run(commands.reset())
            case "kube":
                asyncio.run(commands.kube_programs())
            case _:
                return _demo(rest)
    except (Problem, ProcessFailed) as problem:
        console.complain(str(problem))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m parlor_dev",
        description="Runs the whole platform on this machine.",
        epilog=variables.describe(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="command", required=True, metavar="command")
    up = verbs.add_parser(
        "up",
        help="start everything and stay in the foreground; Ctrl-C stops it",
        epilog=variables.describe(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    up.add_argument(
        "--replicas",
        action="append",
        type=_replicas,
        metavar="SERVICE=N",
        help="API processes of a service, as in --replicas chat=2 (may be repeated)",
    )
    up.add_argument(
        "--end-with-parent",
        action="store_true",
        help="stop when the process that started this one ends, as `make up` wants it",
    )
    verbs.add_parser("down", help="stop the stack that runs on this state folder")
    verbs.add_parser("status", help="list its processes")
    verbs.add_parser("reset", help="remove the state folder and all data in it")
    verbs.add_parser("kube", help="compile etcd and kube-apiserver now, where Go is installed")
    verbs.add_parser("demo", help="walk through the platform that runs", add_help=False)
    return parser


def _replicas(text: str) -> tuple[str, int]:
    service, _, count = text.partition("=")
    if not count.isascii() or not count.isdigit():
        raise argparse.ArgumentTypeError("write SERVICE=N, as in chat=2")
    return service, int(count)


def _demo(arguments: list[str]) -> int:
    if importlib.util.find_spec("parlor_dev.demo") is None:
        raise Problem("this checkout has no demo")
    sys.argv = ["python -m parlor_dev demo", *arguments]
    runpy.run_module("parlor_dev.demo", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
