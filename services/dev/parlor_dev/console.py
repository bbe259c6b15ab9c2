"""What a person sees of `make up`: a line for each thing that is ready, then what to do next.

Used by `commands`. On a terminal a spinner shows that something still goes on; elsewhere (a log,
a pipe) the same lines come plainly. This is the one place of the dev stack that prints.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from parlor_dev.first_admin import PASSWORD_FILE
from parlor_dev.routing import SERVICES
from parlor_dev.stack import Stack

_console = Console(highlight=False, soft_wrap=True)
_errors = Console(highlight=False, soft_wrap=True, stderr=True)


def say(line: str) -> None:
    _console.print(escape(line))


def complain(line: str) -> None:
    _errors.print(f"[red]parlor:[/red] {escape(line)}")


class Progress:
    """A spinner with a title while the block runs; `report` adds a line above it."""

    def __init__(self, title: str) -> None:
        self._status = _console.status(title) if _console.is_terminal else None
        if self._status is None:
            say(title)

    def report(self, line: str) -> None:
        _console.print(f"  [green]·[/green] {escape(line)}")

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()


def banner(stack: Stack, seconds: float, *, kube: str) -> None:
    """Where everything is, once it runs."""
    file = stack.home.secret_file(PASSWORD_FILE)
    if stack.admin.made:
        shown = f"{stack.admin_password}  (shown once; kept in {file})"
    else:
        shown = f"as decided at first start, in {file}"
    rows: dict[str, str] = {
        "URL": stack.url,
        "API docs": f"{stack.url}/api/v1/{SERVICES[0]}/docs",
        **{f" {'':7}{name}": f"{stack.url}/api/v1/{name}/docs" for name in SERVICES[1:]},
        "Admin": stack.admin_email,
        "Password": shown,
        "Operator": kube,
        "Logs": str(stack.home.log),
        "Stop": "Ctrl-C here, or `make down`",
        "Next": "`make demo` in another terminal",
    }
    _console.print(f"\n[bold]Parlor runs[/bold] (ready in {seconds:.1f} s)\n")
    for label, value in rows.items():
        name = label if not label.startswith(" ") else ""
        _console.print(f"  [cyan]{name:<9}[/cyan] {escape(value)}")
    for name in stack.admin.ignored:
        _console.print(
            f"  [yellow]{name} has no effect:[/yellow] this platform has its first admin already, "
            "and the password above opens it (`make reset` starts afresh)"
        )
    _console.print()


def status_table(url: str, phase: str, rows: Mapping[str, tuple[str, str, str]]) -> None:
    """`rows`: process name to pid, state and health URL."""
    table = Table(title=f"{url} ({phase})", title_justify="left", box=None)
    for column in ("process", "pid", "state", "health"):
        table.add_column(column)
    for name, (pid, state, health) in rows.items():
        colour = "green" if state in ("ready", "runs") else "red"
        table.add_row(name, pid, f"[{colour}]{state}[/{colour}]", health)
    _console.print(table)
