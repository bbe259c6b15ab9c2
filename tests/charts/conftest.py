"""The tests of what helm renders need helm; those of the copies do not."""

import pytest
from factories.chart import program


@pytest.fixture(scope="session")
def _helm() -> None:
    if program("helm") is None:
        pytest.skip("no helm: put it on PATH, or its folder in PARLOR_KUBE_BIN")
