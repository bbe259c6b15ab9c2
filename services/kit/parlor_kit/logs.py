"""Logging: one JSON object a line on stdout, with the request id and trace id of its request.

Libraries that log through the standard library come out in the same form. Tokens, passwords and
message text are never log fields; a test greps the logs of a whole run for the secrets it used.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson
import structlog

__all__ = ["configure", "get"]


def _dump(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def _drop_traceparent(_: Any, __: str, event: structlog.typing.EventDict) -> Any:
    event.pop("traceparent", None)  # its trace id is already a field
    return event


class Sparse(logging.Filter):
    """Lets one kind of line of a library through every ten seconds.

    aiokafka says thirty times a second that a broker is away; once is enough to know.
    """

    def __init__(self, seconds: float = 10, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._last: dict[tuple[str, object], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (record.name, record.msg)
        now = self._clock()
        if now - self._last.get(kind, -self._seconds) < self._seconds:
            return False
        if len(self._last) > 256:
            self._last.clear()
        self._last[kind] = now
        return True


def configure(service: str, level: str = "INFO") -> None:
    """Set up structlog and the standard library for a process that is part of `service`."""

    def _name_service(_: Any, __: str, event: structlog.typing.EventDict) -> Any:
        event["service"] = service  # not a contextvar, since each request clears those
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _name_service,
        _drop_traceparent,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_dump)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_dump),
            ],
        )
    )
    handler.addFilter(_only_aiokafka(Sparse()))
    logging.root.handlers = [handler]
    logging.root.setLevel(level)
    for noisy in ("sanic.access", "sanic.root", "sanic.server", "aiokafka", "tortoise"):
        logging.getLogger(noisy).setLevel("WARNING")
        logging.getLogger(noisy).handlers = []
        logging.getLogger(noisy).propagate = True
    logging.getLogger("sanic.error").handlers = []
    logging.getLogger("sanic.websockets").handlers = []


def _only_aiokafka(sparse: Sparse) -> Callable[[logging.LogRecord], bool]:
    return lambda record: not record.name.startswith("aiokafka") or sparse.filter(record)


def get(name: str) -> Any:
    """A structlog logger whose lines carry `part=name`; configured on first use."""
    return structlog.get_logger(part=name)
