"""Log lines of a process: one JSON object each, with service and request, from whatever library."""

import json
import logging
import subprocess
import sys
from typing import Any

from parlor_kit import logs

SCRIPT = """
import logging
from parlor_kit import logs, tracing
logs.configure("chat", "INFO")
log = logs.get("test")
log.info("before")
tracing.bind(tracing.open_trace("r-1", None))
log.info("during", text="ö", number=1)
log.debug("unseen")
logging.getLogger("some.library").warning("heard %s", "too")
try:
    raise ValueError("why")
except ValueError as fault:
    log.error("failed", exc_info=fault)
"""


def lines() -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    assert done.stderr == b""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_line_is_an_object_that_says_whose_and_of_which_request() -> None:
    before, during, library, failed = lines()
    assert {line["service"] for line in (before, during, library, failed)} == {"chat"}
    assert "request_id" not in before
    assert [line["request_id"] for line in (during, library, failed)] == ["r-1"] * 3
    assert len(during["trace_id"]) == 32
    assert (during["event"], during["part"], during["text"]) == ("during", "test", "ö")
    assert (library["event"], library["logger"]) == ("heard too", "some.library")
    assert library["level"] == "warning"
    assert "ValueError: why" in failed["exception"]
    assert "traceparent" not in during


def test_a_library_that_repeats_itself_is_heard_once_in_a_while() -> None:
    moment = [0.0]
    sparse = logs.Sparse(seconds=10, clock=lambda: moment[0])

    def heard(message: str) -> bool:
        record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, message, None, None)
        return bool(sparse.filter(record))

    assert heard("broker is away")
    assert not heard("broker is away")
    assert heard("something else")
    moment[0] = 10.0
    assert heard("broker is away")
