"""The arithmetic of lockouts, without a clock or a database."""

from datetime import UTC, datetime, timedelta

from parlor_identity.throttling import Count, Rule, Scope, Throttling, retry_after, rules

START = datetime(2026, 1, 1, tzinfo=UTC)
RULE = Rule(
    3, first=timedelta(seconds=5), longest=timedelta(minutes=1), forgives=timedelta(minutes=1)
)
FRESH = Count(0, START, None)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def failed(count: Count, times: int, at: datetime = START) -> Count:
    for _ in range(times):
        count = count.after_failure(RULE, at)
    return count


def test_the_first_failures_are_free() -> None:
    assert not failed(FRESH, 2).blocked(START)
    assert failed(FRESH, 3).blocked(START) == seconds(5)


def test_delays_double_up_to_a_bound() -> None:
    count, at, delays = failed(FRESH, 2), START, []
    for _ in range(7):
        count = count.after_failure(RULE, at)
        delays.append(count.blocked(at).total_seconds())
        at += count.blocked(at)
    assert delays == [5, 10, 20, 40, 60, 60, 60]


def test_an_absurd_number_of_failures_does_not_overflow() -> None:
    assert Count(10_000_000, START, None).after_failure(RULE, START).blocked(START) == seconds(60)


def test_a_blocked_counter_does_not_move() -> None:
    blocked = failed(FRESH, 3)
    assert failed(blocked, 100) == blocked


def test_failures_are_forgiven_with_time() -> None:
    blocked = failed(FRESH, 3)
    later = START + timedelta(minutes=2)
    assert blocked.after_failure(RULE, later) == Count(2, later, None)
    much_later = START + timedelta(days=300)
    assert blocked.after_failure(RULE, much_later) == Count(1, much_later, None)


def test_who_goes_on_guessing_stays_at_the_longest_delay() -> None:
    count, at = failed(FRESH, 3), START
    for _ in range(20):
        at += count.blocked(at)
        count = count.after_failure(RULE, at)
    assert count.blocked(at) == seconds(60)


def test_a_clock_that_goes_back_forgives_nothing() -> None:
    count = failed(FRESH, 2, at=START + seconds(300))
    assert count.after_failure(RULE, START).failures == 3


def test_strangers_can_delay_an_account_for_five_minutes_at_most() -> None:
    made = rules(pair=5, account=10, address=50, first=seconds(5), longest=timedelta(minutes=15))
    assert made[Scope.PAIR].delay(1000) == timedelta(minutes=15)
    assert made[Scope.ACCOUNT].delay(1000) == timedelta(minutes=5)


def test_a_known_address_is_refused_by_its_own_failures_alone() -> None:
    throttling = Throttling(b"k" * 32, {})
    attempt = throttling.attempt("a@example.com", "192.0.2.1")
    assert attempt.deciding(known_address=True) == [attempt.keys[Scope.PAIR]]
    assert set(attempt.deciding(known_address=False)) == set(attempt.keys.values())


def test_keys_name_nobody_and_sort_by_scope() -> None:
    attempt = Throttling(b"k" * 32, {}).attempt("a@example.com", "192.0.2.1")
    other = Throttling(b"o" * 32, {}).attempt("a@example.com", "192.0.2.1")
    assert not set(attempt.keys.values()) & set(other.keys.values())
    assert sorted(attempt.keys.values()) == [attempt.keys[scope] for scope in Scope]


def test_pairs_cannot_be_made_to_collide() -> None:
    throttling = Throttling(b"k" * 32, {})
    one = throttling.attempt("a@example.com", "192.0.2.1").keys[Scope.PAIR]
    two = throttling.attempt("a@example.com\n192.0.2.1", "").keys[Scope.PAIR]
    assert one != two


def test_retry_after_is_never_too_early() -> None:
    assert retry_after(seconds(0.001)) == 1
    assert retry_after(seconds(4.2)) == 5
