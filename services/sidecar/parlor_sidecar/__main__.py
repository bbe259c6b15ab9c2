"""`python -m parlor_sidecar`: read the environment, serve until SIGTERM, drain, exit 0.

A setting or a policy file that is wrong is one line on stderr and exit status 2.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time

import uvloop

from parlor_sidecar import settings as environment
from parlor_sidecar.bootstrap import build
from parlor_sidecar.policy import PolicyInvalid
from parlor_sidecar.settings import Settings, SettingsInvalid


class _JsonLines(logging.Formatter):
    """Log lines of the shape that the audit lines have."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _log_to_stdout() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines())
    logging.root.handlers = [handler]
    logging.root.setLevel(logging.INFO)


async def _serve(settings: Settings) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    sidecar, health = build(settings)
    await health.start(settings.health_host, settings.health_port)
    await sidecar.start()
    logging.getLogger("parlor_sidecar").info(
        "listening on %s:%s, health on %s", settings.host, sidecar.port, health.port
    )
    await stopped.wait()
    await sidecar.stop()
    await health.stop()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m parlor_sidecar",
        description=(__doc__ or "").partition("\n\n")[2],
        epilog="environment:\n" + environment.describe(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    try:
        settings = environment.load(os.environ)
        _log_to_stdout()
        uvloop.run(_serve(settings))
    except (SettingsInvalid, PolicyInvalid, OSError) as error:
        # An OSError here is a port that is taken, or a certificate that cannot be read.
        print(f"parlor_sidecar: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
