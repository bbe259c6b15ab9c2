"""`make bench`: starts a platform of its own and prints every figure beside its target.

Run one part by name, as in `make bench ARGS="chat login"`. Nothing else should run meanwhile.
"""

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import bots
import chat
import clocks
import game
import growth
import login
import retention
import sidecar
from parlor_dev.client import Api
from parlor_dev.stack import Stack
from parlor_rules.catalog import GAMES
from report import Figure, Report, resident_mb
from rich.console import Console

PARTS = ("login", "chat", "game", "growth", "clocks", "bots", "memory", "sidecar", "retention")


def memory(stack: Stack) -> list[Figure]:
    """Resident memory of the idle platform's processes, the largest of each kind."""
    figures = []
    for kind, part, limit in (("service", "-api-", 120), ("sidecar", "-sidecar-", 45)):
        names = [name for name in stack.process_names if part in name]
        largest = max(names, key=lambda name: resident_mb(stack.process(name).pid or 0))
        used = resident_mb(stack.process(largest).pid or 0)
        figures.append(
            Figure(
                f"memory, idle: {kind} ({largest})",
                f"{used:.0f} MB",
                f"≤ {limit} MB",
                used <= limit,
            )
        )
    return figures


@asynccontextmanager
async def platform(replicas: dict[str, int]) -> AsyncIterator[tuple[Stack, Api]]:
    """A platform of its own, with nothing in it, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="parlor-bench-") as home:
        stack = Stack(Path(home), port=0, replicas=replicas, temporary=True)
        await stack.start()
        try:
            async with Api(stack.url) as api:
                yield stack, api
        finally:
            await stack.stop()


async def measure(parts: set[str], seconds: float, messages: int, console: Console) -> Report:
    report = Report()
    if parts & {"memory", "login", "chat", "game"}:
        console.print("a platform with one replica a service …")
        async with platform({}) as (stack, api):
            if "memory" in parts:
                report.add(*memory(stack))
            if "login" in parts:
                console.print("login …")
                report.add(*await login.login_rate(stack, api, seconds))
            if "chat" in parts:
                console.print("chat throughput and resume …")
                report.add(*await chat.resumption(stack, api, missed=10_000))
                report.add(*await chat.throughput(stack, api, pairs=50, window=8, seconds=seconds))
            if "game" in parts:
                console.print("game …")
                report.add(*await game.latencies(stack, api, seconds))
                report.add(*await game.throughput(stack, api, games=200, seconds=seconds))
    if "chat" in parts:
        console.print("a platform with two replicas of chat …")
        async with platform({"chat": 2}) as (stack, api):
            report.add(*await chat.latencies(stack, api, 1000))
    if "growth" in parts:
        console.print("a platform for 10 to 500 games …")
        async with platform({}) as (stack, api):
            async for figure in growth.growth(stack, api, seconds=seconds):
                console.print(f"  {figure.what}: {figure.value}")
                report.add(figure)
    if "bots" in parts:
        console.print("practice partners …")
        report.add(*bots.practice(list(GAMES), games=400))
    if "clocks" in parts:
        console.print("a platform with two replicas of game …")
        async with platform({"game": 2}) as (stack, api):
            report.add(*await clocks.lateness(stack, api, games=10_000, seconds=6 * seconds))
    if "retention" in parts:
        console.print("a platform with a long past, and archive expiry …")
        async with platform({}) as (stack, api):
            report.add(*await retention.expiry(stack, api, messages=messages, held=1000))
    if "sidecar" in parts:
        for app in ("bare", "sanic"):
            console.print(f"sidecar before the {app} app …")
            report.add(*await guarded(app))
    return report


async def guarded(app: str) -> list[Figure]:
    """The sidecar's rate and added latency, from bench/sidecar.py on its own."""
    figures = await sidecar.measure(app, rounds=5, seconds=2.0, connections=32)
    share, added = figures["share"], figures["added_p50_ms"]
    return [
        Figure(
            f"sidecar: share of the rate of the {app} app",
            f"{share:.0%} ({figures['share_by_cpu']:.0%} by CPU time)",
            "≥ 65 %",
            share >= 0.65,
        ),
        Figure(
            f"sidecar: added before the {app} app",
            f"p50 {added:.3f} ms",
            "p50 ≤ 0.1 ms",
            added <= 0.1,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--seconds", type=float, default=10, help="length of each measurement")
    parser.add_argument(
        "--messages", type=int, default=1_000_000, help="how many archive expiry goes over"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    console = Console()
    report = asyncio.run(
        measure(set(arguments.parts or PARTS), arguments.seconds, arguments.messages, console)
    )
    report.show(console)


if __name__ == "__main__":
    main()
