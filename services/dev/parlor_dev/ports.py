"""Picks the internal ports of a stack and keeps them from everybody else while it lives.

Called by `stack` and `backing` before anything starts. A port below the kernel's ephemeral range
cannot be taken by an outgoing connection, and the socket that found it stays bound (never
listening), so a service can be killed and started again on the port that the others know.
"""

import random
import socket
from pathlib import Path

HOST = "127.0.0.1"
_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 20000


class PortReservations:
    """Ports that belong to one stack. `close` gives them back."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def take(self) -> int:
        for candidate in _candidates():
            held = _bind(candidate)
            if held is not None:
                self._held.append(held)
                port: int = held.getsockname()[1]
                return port
        raise OSError("no free TCP port on 127.0.0.1")

    def close(self) -> None:
        for held in self._held:
            held.close()
        self._held.clear()


def is_free(port: int) -> bool:
    """Whether something could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _candidates() -> list[int]:
    """A random few ports below the ephemeral range, and last the kernel's own choice (0)."""
    try:
        lowest_ephemeral = int(_RANGE_FILE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return [0]
    if lowest_ephemeral < _LOWEST + 1000:
        return [0]
    return [*random.sample(range(_LOWEST, lowest_ephemeral), 200), 0]


def _bind(port: int) -> socket.socket | None:
    """Bind alone, then allow the service that the port is for to bind it as well."""
    held = socket.socket()
    try:
        held.bind((HOST, port))
    except OSError:
        held.close()
        return None
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return held
