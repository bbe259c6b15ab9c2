"""Each service's OpenAPI document is valid and names what its routes can answer."""

from importlib import import_module

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from parlor_kit import openapi
from parlor_kit.process import VERSION
from parlor_kit.routing import Routes


@pytest.mark.parametrize("service", ["identity", "customer", "game", "chat"])
def test_the_document_is_valid_openapi(service: str) -> None:
    routes: Routes = import_module(f"parlor_{service}.routes").PUBLIC
    document = openapi.document(service, routes.http, version=VERSION)
    OpenAPIV31SpecValidator(document).validate()
    operations = [op for path in document["paths"].values() for op in path.values()]
    assert len(operations) == len(routes.http)
    for operation in operations:
        assert operation["summary"], operation["operationId"]
        assert any(status.startswith("2") for status in operation["responses"])
