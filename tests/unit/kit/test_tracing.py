"""Traces: joined when they are well formed, begun anew when not, carried to whatever is called."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parlor_kit import tracing

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_good_trace_is_joined_with_a_span_of_our_own() -> None:
    trace = tracing.open_trace("r-1", PARENT)
    assert trace.request_id == "r-1"
    assert trace.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert trace.traceparent.endswith("-01")
    assert "00f067aa0ba902b7" not in trace.traceparent


def test_flags_are_kept() -> None:
    assert tracing.open_trace(None, PARENT[:-2] + "00").traceparent.endswith("-00")


@pytest.mark.parametrize(
    "parent",
    [
        *(None, "", "x", PARENT.upper(), PARENT + "-x", PARENT[:-1], PARENT + "\n"),
        "01" + PARENT[2:],
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
    ],
)
def test_a_malformed_trace_is_replaced(parent: str | None) -> None:
    trace = tracing.open_trace(None, parent)
    assert len(trace.traceparent) == 55
    assert trace.trace_id != "0" * 32
    assert trace.trace_id != "4bf92f3577b34da6a3ce929d0e0e4736"


@given(st.text())
def test_no_request_id_that_could_break_a_header_or_a_log_is_echoed(text: str) -> None:
    kept = tracing.open_trace(text, None).request_id
    assert kept.isascii()
    assert kept.isprintable()
    assert " " not in kept
    assert 1 <= len(kept) <= 128


def test_two_requests_are_two_traces() -> None:
    assert tracing.open_trace(None, None) != tracing.open_trace(None, None)


async def test_each_task_has_the_trace_of_its_own_request() -> None:
    async def handle(name: str) -> str:
        tracing.bind(tracing.open_trace(name, None))
        await asyncio.sleep(0)
        return tracing.current().request_id

    names = [f"r-{number}" for number in range(20)]
    tasks = [asyncio.create_task(handle(name)) for name in names]
    assert await asyncio.gather(*tasks) == names
