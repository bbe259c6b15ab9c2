"""What a sidecar writes down: audit lines, metrics and problem documents."""

import json
from collections.abc import Callable

from factories.signing import service_claims
from parlor_kit.tokens import Claims
from parlor_sidecar.audit import Audit
from parlor_sidecar.decision import Head, Limits, Verdict, examine
from parlor_sidecar.metrics import Metrics
from parlor_sidecar.problems import PROBLEMS, render

REQUEST = examine(
    Head(b"GET", b"/users/7", b"1.1", [(b"Host", b"a"), (b"X-Request-ID", b"r1")]), Limits()
)


class Turn:
    """A turn of a loop that ends when the test says so."""

    def __init__(self) -> None:
        self.later: list[Callable[[], None]] = []
        self.written: list[bytes] = []

    def schedule(self, work: Callable[[], None]) -> None:
        self.later.append(work)

    def end(self) -> list[dict[str, object]]:
        for work in self.later:
            work()
        self.later.clear()
        return [json.loads(line) for line in b"".join(self.written).splitlines()]


def test_the_lines_of_one_turn_are_written_together() -> None:
    turn = Turn()
    audit = Audit("identity-0", turn.schedule, turn.written.append)
    claims = Claims(service_claims("chat", "identity"))
    for _ in range(3):
        audit.decided(Verdict("forbidden", "no_rule"), REQUEST, claims, "10.0.0.1")
    assert len(turn.later) == 1
    lines = turn.end()
    assert len(turn.written) == 1
    assert len(lines) == 3
    assert lines[0]["caller"] == "system:serviceaccount:parlor:chat"
    assert (lines[0]["path"], lines[0]["target"]) == (None, "/users/7")


def test_claims_cannot_break_out_of_their_line() -> None:
    turn = Turn()
    audit = Audit('po"d', turn.schedule, turn.written.append)
    nasty = 'a"b\n{"event":"forged"}'
    claims = Claims(
        {"sub": nasty, "exp": 1, "jti": nasty, "kubernetes.io": {"pod": {"name": nasty}}}
    )
    audit.decided(Verdict("forbidden", "caller"), REQUEST, claims, "")
    audit.failed("upstream_failed", "closed", REQUEST)
    lines = turn.end()
    assert len(lines) == 2
    assert (lines[0]["caller"], lines[0]["jti"], lines[0]["caller_pod"]) == (nasty, nasty, nasty)
    assert lines[0]["pod"] == 'po"d'


def test_a_refused_head_and_odd_claims_still_make_a_line() -> None:
    turn = Turn()
    audit = Audit("", turn.schedule, turn.written.append)
    audit.decided(Verdict("bad_request", "syntax"), None, None, "")
    odd = Claims({"sub": "s", "exp": 1, "jti": 7, "kubernetes.io": []})
    audit.decided(Verdict("forbidden", "caller"), REQUEST, odd, "")
    lines = turn.end()
    assert (lines[0]["verdict"], lines[0]["method"]) == ("deny", None)
    assert (lines[1]["jti"], lines[1]["caller_pod"]) == (None, None)


def test_metrics_are_prometheus_text() -> None:
    metrics = Metrics()
    metrics.decisions["allowed", "rule"] += 2
    for seconds in (0.0004, 0.003, 99.0):
        metrics.request_seconds.observe(seconds)
    metrics.gauge("parlor_sidecar_in_flight", "Now.", lambda: 3)
    text = metrics.exposition().decode()
    assert 'parlor_sidecar_decisions_total{code="allowed",reason="rule"} 2\n' in text
    assert 'parlor_sidecar_request_seconds_bucket{le="0.0005"} 1\n' in text
    assert 'parlor_sidecar_request_seconds_bucket{le="0.005"} 2\n' in text
    assert 'parlor_sidecar_request_seconds_bucket{le="10.0"} 2\n' in text
    assert 'parlor_sidecar_request_seconds_bucket{le="+Inf"} 3\n' in text
    assert "parlor_sidecar_in_flight 3\n" in text


def test_every_problem_is_a_whole_answer() -> None:
    for code, problem in PROBLEMS.items():
        head, _, body = render(code, "r1", close=True).partition(b"\r\n\r\n")
        document = json.loads(body)
        assert head.startswith(b"HTTP/1.1 %d " % problem.status)
        assert b"Content-Length: %d" % len(body) in head
        assert (document["code"], document["status"]) == (code, problem.status)
        assert (b"Retry-After" in head) == (problem.retry_after is not None)
        assert render(code, "r1", close=False, without_body=True).endswith(b"\r\n\r\n")
