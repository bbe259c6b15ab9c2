"""Figures of a benchmark run: medians and percentiles beside their targets, as one table."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured figure; `target` is what ARCHITECTURE.md designs for, "" where none is set."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample below which `share` of all lie, by nearest rank."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def latency(
    what: str, seconds: Sequence[float], *, p50_ms: float | None = None, p99_ms: float | None = None
) -> Figure:
    """Median and 99th percentile of `seconds`, in milliseconds."""
    median = statistics.median(seconds) * 1000
    tail = percentile(seconds, 0.99) * 1000
    wanted = []
    met: bool | None = None
    if p50_ms is not None:
        wanted.append(f"p50 ≤ {p50_ms:g} ms")
        met = median <= p50_ms
    if p99_ms is not None:
        wanted.append(f"p99 ≤ {p99_ms:g} ms")
        met = (met is not False) and tail <= p99_ms
    return Figure(what, f"p50 {median:.2f} ms, p99 {tail:.2f} ms", ", ".join(wanted), met)


def rate(what: str, per_second: float, *, at_least: float | None = None) -> Figure:
    """A rate of things a second."""
    return Figure(
        what,
        f"{per_second:,.0f}/s",
        f"≥ {at_least:,.0f}/s" if at_least else "",
        per_second >= at_least if at_least else None,
    )


@dataclass
class Report:
    """All figures of a run, in the order in which they were measured."""

    figures: list[Figure] = field(default_factory=list)

    def add(self, *figures: Figure) -> None:
        self.figures.extend(figures)

    def show(self, console: Console) -> None:
        table = Table(title=f"Parlor on {machine()}", title_justify="left", header_style="bold")
        table.add_column("what")
        table.add_column("measured", justify="right")
        table.add_column("designed for", justify="right")
        table.add_column("")
        for figure in self.figures:
            mark = "" if figure.met is None else ("[green]✓" if figure.met else "[red]✗")
            table.add_row(figure.what, figure.value, figure.target, mark)
        console.print(table)


def machine() -> str:
    """The machine in a few words: processor, cores, memory, Python."""
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def resident_mb(pid: int) -> float:
    """Resident memory of a process in megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
