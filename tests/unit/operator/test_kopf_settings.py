"""Nothing that has bitten others is left at Kopf's default."""

import ast
import inspect
from pathlib import Path

import kopf
import parlor_operator
import pytest
from parlor_operator.handlers import distributor, effects, legalhold, startup

HANDLERS = Path(inspect.getfile(startup)).parent
PACKAGE = Path(inspect.getfile(parlor_operator)).parent


@pytest.fixture
def settings() -> kopf.OperatorSettings:
    made = kopf.OperatorSettings()
    startup.configure(made, 70.0)
    return made


def test_finalizer_and_annotations_are_our_own(settings: kopf.OperatorSettings) -> None:
    persistence = settings.persistence
    assert persistence.finalizer == "parlor.dev/operator"
    assert isinstance(persistence.progress_storage, kopf.AnnotationsProgressStorage)
    assert isinstance(persistence.diffbase_storage, kopf.AnnotationsDiffBaseStorage)
    assert persistence.progress_storage.prefix == "operator.parlor.dev"
    assert persistence.diffbase_storage.prefix == "operator.parlor.dev"
    assert persistence.consistency_timeout >= 5


def test_every_request_and_watch_has_an_end(settings: kopf.OperatorSettings) -> None:
    watching, networking = settings.watching, settings.networking
    assert watching.server_timeout == 600
    assert isinstance(watching.server_timeout, int)  # it goes into a query as it is
    assert watching.client_timeout
    assert watching.client_timeout > watching.server_timeout
    assert watching.inactivity_timeout == 70
    assert (networking.request_timeout, networking.connect_timeout) == (60, 10)


def test_there_is_no_peering_no_scanning_and_no_log_line_as_event(
    settings: kopf.OperatorSettings,
) -> None:
    assert settings.peering.standalone
    assert settings.scanning.disabled
    assert not settings.posting.loggers


@pytest.mark.parametrize("retry", [0, 1, 5, 50, 5000])
def test_delays_grow_to_a_minute_and_no_further(retry: int) -> None:
    delay = effects.later("why", retry).delay
    assert delay is not None
    assert 0.8 * min(60, 2 ** min(retry, 6)) <= delay <= 1.2 * min(60, 2 ** min(retry, 6))


@pytest.mark.parametrize("module", [distributor, legalhold])
def test_change_deletion_and_timer_call_the_same_loops(module: object) -> None:
    names = {name for name, _ in inspect.getmembers(module, inspect.iscoroutinefunction)}
    kind = str(module.__name__).rpartition(".")[2]  # type: ignore[attr-defined]
    assert names == {f"{kind}_{what}" for what in ("changed", "resync", "deleted", "seen")}


def test_handlers_are_short_and_return_nothing() -> None:
    """What a handler returns would stand in the status."""
    for path in HANDLERS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.AsyncFunctionDef):
                continue
            assert (node.end_lineno or 0) - node.body[0].lineno < 20, node.name
            returned = [each for each in ast.walk(node) if isinstance(each, ast.Return)]
            assert all(each.value is None for each in returned), node.name


def test_no_error_is_ever_permanent() -> None:
    for path in PACKAGE.rglob("*.py"):
        raised = [
            node.exc
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Raise) and node.exc is not None
        ]
        assert all("PermanentError" not in ast.unparse(each) for each in raised), path.name
