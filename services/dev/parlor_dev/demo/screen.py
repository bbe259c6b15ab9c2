"""What the demo shows: a line for each step while it runs, a table of all of them at the end."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from parlor_dev.client import Closed, Refused


class Broken(Exception):
    """The platform did something that the contract does not say."""


def check(holds: bool, promise: str) -> None:
    """Go on only while the platform keeps `promise`."""
    if not holds:
        raise Broken(promise)


@dataclass
class Step:
    """One step of the story and how it went."""

    act: str
    title: str
    seconds: float = 0.0
    passed: bool = False
    facts: list[str] = field(default_factory=list)

    def say(self, fact: str) -> None:
        self.facts.append(fact)


class Screen:
    """Narrates the steps in order."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._act = ""
        self.steps: list[Step] = []

    def act(self, title: str) -> None:
        self._act = title
        self._console.print()
        self._console.rule(f"[bold cyan]{title}", align="left")

    @asynccontextmanager
    async def step(self, title: str) -> AsyncIterator[Step]:
        """Run one step; its time and facts are shown when it ends, its fault when it breaks."""
        step = Step(self._act, title)
        self.steps.append(step)
        started = time.perf_counter()
        try:
            yield step
            step.passed = True
        except (Broken, Refused, Closed, TimeoutError, AssertionError, OSError, KeyError) as fault:
            step.say(f"{type(fault).__name__}: {fault}")
            raise Broken(title) from fault
        finally:
            step.seconds = time.perf_counter() - started
            self._show(step)

    def _show(self, step: Step) -> None:
        mark = "[green]✓[/]" if step.passed else "[red]✗[/]"
        self._console.print(f" {mark} {step.title}  [dim]{step.seconds * 1000:.0f} ms[/]")
        for fact in step.facts:
            self._console.print(f"     [dim]{fact}[/]", highlight=False, soft_wrap=True)

    def table(self) -> None:
        table = Table(title="What happened", title_justify="left", header_style="bold")
        table.add_column("")
        table.add_column("act")
        table.add_column("step")
        table.add_column("ms", justify="right")
        for step in self.steps:
            table.add_row(
                "[green]✓" if step.passed else "[red]✗",
                step.act,
                step.title,
                f"{step.seconds * 1000:.0f}",
            )
        self._console.print()
        self._console.print(table)
