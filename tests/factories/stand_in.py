"""A process that stands in for a service or a sidecar, so that the supervisor is tested alone.

Run by path with a member and a verb, and the environment that the real process gets. It answers
/readyz on its health port and says, on its public port and its internal socket, who it is and what
it received. `program` is what `parlor_dev.stack.Stack` takes to run these for the services.
"""

import asyncio
import json
import os
import signal
import sys

Headers = dict[str, str]


def program(member: str, verb: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", __file__, member, verb)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    method, path, _ = head[0].split(" ")
    body = json.dumps({"name": name, "method": method, "path": path, "headers": headers}).encode()
    lines = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(lines.encode() + body)
    await writer.drain()
    writer.close()


async def serve(member: str, verb: str) -> None:
    prefix = "SIDECAR" if member == "sidecar" else "PARLOR"
    name = os.environ.get("PARLOR_REPLICA", member)
    named = [f"{prefix}_HEALTH_PORT", "SIDECAR_PORT" if prefix == "SIDECAR" else ""]
    named.append("PARLOR_PUBLIC_PORT" if verb == "api" else "")
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    servers = [
        await asyncio.start_server(lambda r, w: _answer(r, w, name), "127.0.0.1", int(port))
        for port in (os.environ.get(variable) for variable in named)
        if port
    ]
    internal = os.environ.get("PARLOR_INTERNAL_SOCKET") if verb == "api" else None
    if internal:
        servers.append(await asyncio.start_unix_server(lambda r, w: _answer(r, w, name), internal))
    print(f"{name} serves", flush=True)
    await ended.wait()
    for server in servers:
        server.close()
    print(f"{name} drained", flush=True)


if __name__ == "__main__":
    if sys.argv[2] != "migrate":
        asyncio.run(serve(sys.argv[1], sys.argv[2]))
