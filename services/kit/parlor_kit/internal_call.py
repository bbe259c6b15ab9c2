"""`python -m parlor_kit.internal_call`: one call of an internal route, with a service credential.

The scheduled job of the charts runs it, in an image that has nothing else to do. It reads no
settings of a service and needs no database: a folder with the callee's credential and the address
of its sidecar are enough. Exit status 0 means that the callee said 2xx.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from parlor_kit import logs
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.internal import InternalClient


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m parlor_kit.internal_call",
        description="Calls one internal route of a service and prints the answer.",
    )
    parser.add_argument("callee", help="the service, as its credential file is called")
    parser.add_argument("method", choices=("GET", "POST", "PUT", "DELETE"))
    parser.add_argument("path")
    parser.add_argument("--url", required=True, help="base URL of its sidecar")
    parser.add_argument("--credentials", type=Path, default=Path("/var/run/secrets/parlor"))
    parser.add_argument("--body", type=json.loads, help="JSON")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds for the answer (30)")
    return parser.parse_args()


async def call(arguments: argparse.Namespace) -> int:
    client = InternalClient(
        arguments.callee, arguments.url, arguments.credentials, timeout=arguments.timeout
    )
    try:
        status, answer = await client.call(arguments.method, arguments.path, body=arguments.body)
    except DependencyUnavailable as fault:
        print(f"parlor: {fault.detail}", file=sys.stderr)  # noqa: T201
        return 1
    finally:
        await client.close()
    print(json.dumps({"status": status, "answer": answer}))  # noqa: T201
    return 0 if status < 300 else 1


def main() -> int:
    arguments = _arguments()
    logs.configure(f"{arguments.callee}-call", "INFO")
    return asyncio.run(call(arguments))


if __name__ == "__main__":
    sys.exit(main())
