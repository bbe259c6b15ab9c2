"""`python -m parlor_operator`: reconciles Distributor and LegalHold resources until SIGTERM.

`python -m parlor_operator let-go distributor|legalhold UID` makes up for a deletion that was
abandoned because identity or chat did not answer: see its event.
"""

import argparse
import asyncio
import logging
import sys

import kopf
from parlor_kit import logs

from parlor_operator.cluster import Cluster
from parlor_operator.errors import Refused, Unavailable
from parlor_operator.handlers import distributor, legalhold, startup
from parlor_operator.runtime import Runtime
from parlor_operator.settings import OperatorSettings

HANDLERS = (startup, distributor, legalhold)


def main() -> int:
    arguments = _parser().parse_args()
    settings = OperatorSettings.load()
    logs.configure("operator", settings.parlor_log_level)
    logging.getLogger("kopf.objects").addFilter(_name_object)
    if settings.parlor_log_level != "DEBUG":
        logging.getLogger("kopf").setLevel("WARNING")  # it says each success of each timer
    if arguments.command == "let-go":
        return asyncio.run(_let_go(settings, arguments))
    asyncio.run(_operate(settings))
    return 0


async def _operate(settings: OperatorSettings) -> None:
    kopf_settings = kopf.OperatorSettings()
    startup.configure(kopf_settings, settings.operator_watch_inactivity.total_seconds())
    runtime = Runtime(settings, Cluster(kopf_settings))
    await kopf.operator(
        settings=kopf_settings,
        memo=runtime,
        ready_flag=runtime.ready,
        standalone=True,
        clusterwide=not settings.watch_namespaces,
        namespaces=settings.watch_namespaces,
    )


async def _let_go(settings: OperatorSettings, arguments: argparse.Namespace) -> int:
    runtime = Runtime(settings, Cluster(kopf.OperatorSettings()))
    try:
        if arguments.kind == "distributor":
            await runtime.distributors.let_go(arguments.uid, disable=arguments.disable)
        else:
            await runtime.legalholds.let_go(arguments.uid)
    except (Unavailable, Refused) as fault:
        print(f"parlor: {fault}", file=sys.stderr)  # noqa: T201 - what a person at a prompt reads
        return 1
    finally:
        await runtime.stop()
    return 0


def _name_object(record: logging.LogRecord) -> bool:
    """Kopf's lines about a resource say which one."""
    reference = getattr(record, "k8s_ref", None)
    if reference:
        whose = f"{reference['kind']} {reference['namespace']}/{reference['name']}"
        record.msg = f"{whose}: {record.msg}"
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m parlor_operator", description=__doc__)
    verbs = parser.add_subparsers(dest="command", metavar="command")
    let_go = verbs.add_parser("let-go", help="make up for a deletion that was abandoned")
    let_go.add_argument("kind", choices=("distributor", "legalhold"))
    let_go.add_argument("uid", help="metadata.uid of the resource, as its event says")
    let_go.add_argument("--disable", action="store_true", help="disable the account as well")
    return parser


if __name__ == "__main__":
    sys.exit(main())
