"""Run by `helm test`: a pod that nobody names opens no connection, to a service or past a sidecar.

Its own way out is open, which the last line shows, so that what stops it is the other side. It
tries every address of every pod, not the Services alone. Usage: stranger.py HOST:PORT...
"""

import concurrent.futures
import socket
import sys
import time

API_SERVER = ("kubernetes.default.svc", 443)
SECONDS = 60.0
ONE_TRY = 3.0


def opens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=ONE_TRY):
            return True
    except OSError:
        return False


def addresses(target: str) -> list[tuple[str, str, int]]:
    """Every address behind `host:port`; no answer of the name server is a failure of the check."""
    host, _, port = target.rpartition(":")
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            found = socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_STREAM)
            return [(target, str(address[0]), int(address[1])) for *_, address in found]
        except socket.gaierror:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def main(targets: list[str]) -> int:
    deadline = time.monotonic() + SECONDS
    while not opens(*API_SERVER):
        if time.monotonic() > deadline:
            print("FAIL this pod reaches nothing at all, so it proves nothing")
            return 1
    tried = [address for target in targets for address in addresses(target)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda one: opens(one[1], one[2]), tried))
    for (target, host, port), opened in zip(tried, outcomes, strict=True):
        print(f"{'FAIL opened ' if opened else 'ok   refused'} {target} at {host}:{port}")
    control = opens(*API_SERVER)
    print(f"{'ok  ' if control else 'FAIL'} its own way out is open")
    return int(any(outcomes) or not control)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
