"""Run by `helm test`: what the sidecars answer to callers, good and bad.

It has the service account of `customer` and three credentials of it, each for another callee. A
network policy of the same hook lets it reach the internal ports as long as the check runs.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

CREDENTIALS = Path("/var/run/secrets/parlor")
SECONDS = 60.0
ANYBODY = "01890000-0000-7000-8000-000000000000"
USERS = ("POST", "http://identity-internal:8100/internal/v1/users/batch", {"ids": [ANYBODY]})
PAIR = ("GET", f"http://customer-internal:8100/internal/v1/entitlements/chat/{ANYBODY}/{ANYBODY}")
EXPIRY = ("POST", "http://chat-internal:8100/internal/v1/archive-expiry/run", {"dry_run": True})
DISTRIBUTOR = ("DELETE", f"http://identity-internal:8100/internal/v1/distributors/{ANYBODY}")


def credential(callee: str) -> str:
    return f"Bearer {(CREDENTIALS / callee).read_text().strip()}"


def ask(method: str, url: str, body: object = None, authorization: str | None = None) -> int:
    """The status; waits while the network does not let us through yet."""
    deadline = time.monotonic() + SECONDS
    headers = {"content-type": "application/json"} if body is not None else {}
    if authorization is not None:
        headers["authorization"] = authorization
    data = None if body is None else json.dumps(body).encode()
    while True:
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def main() -> int:
    good = credential("identity")
    cases = [
        ("no credential", 401, ask(*USERS)),
        ("something that is no token", 401, ask(*USERS, authorization="Bearer x.y.z")),
        ("a credential for chat", 401, ask(*USERS, authorization=credential("chat"))),
        ("a changed credential", 401, ask(*USERS, authorization=good[:-4] + "AAAA")),
        ("a caller whom the policy names", 200, ask(*USERS, authorization=good)),
        ("the same on the operator's route", 403, ask(*DISTRIBUTOR, authorization=good)),
        ("the same at chat", 403, ask(*EXPIRY, authorization=credential("chat"))),
        ("the same at customer", 403, ask(*PAIR, authorization=credential("customer"))),
    ]
    for what, wanted, answered in cases:
        print(f"{'ok  ' if wanted == answered else 'FAIL'} {answered} {what}")
    return int(any(wanted != answered for _, wanted, answered in cases))


if __name__ == "__main__":
    sys.exit(main())
