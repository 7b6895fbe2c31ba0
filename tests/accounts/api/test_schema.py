"""The OpenAPI description is valid, complete, and true: a fuzzer that believes it finds no fault."""

import pytest
import schemathesis
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.api.resources import RESOURCES
from accounts.api.scopes import SCOPES
from accounts.ingest.feeds import FEEDS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# By method: reading is the same code for every kind of fact, writing is not.
EXAMPLES = {"get": 2, "post": 4}


def test_the_schema_has_no_warnings(tmp_path, db):
    call_command(
        "spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml")
    )


def test_the_schema_says_what_every_field_is():
    document = SchemaGenerator().get_schema(public=True)
    parts = document["components"]["schemas"]
    for resource in RESOURCES:
        noun = "".join(word.capitalize() for word in resource.feed.noun.split())
        sent = parts[f"{noun}Row"]
        assert set(sent["properties"]) == {c.target for c in FEEDS[resource.key].columns}
        assert set(sent["required"]) == set(resource.feed.required)
        assert set(parts[noun]["properties"]) == {field.name for field in resource.fields}
    invoice = parts["Invoice"]["properties"]["amount"]
    assert invoice["x-unit"] == "currency"
    assert "Major units" in invoice["description"]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_the_schema_and_its_pages_ask_for_a_log_in(client, owner, api):
    assert client.get("/api/schema/").status_code == 401
    assert client.get("/api/docs/")["Location"].startswith("/login/")
    assert api(owner).get("/api/schema/?format=json").json()["openapi"].startswith("3.1")
    client.force_login(owner)
    page = client.get("/api/docs/").content.decode()
    assert "swagger-ui" in page
    assert "<script>" not in page
    assert "<style" not in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_a_fuzzer_finds_nothing(
    mode, live_server, admin, token, make_account, make_facts, settings
):
    settings.API_RATE = "1000000/min"
    make_facts(make_account("Fuzzed Felt"))
    document = SchemaGenerator().get_schema(public=True)
    schema = schemathesis.openapi.from_dict(document)
    headers = {"Authorization": f"Bearer {token(admin, *SCOPES)}"}
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @bounds(parent=quick, max_examples=EXAMPLES[operation.method])
        def answers(case):
            nonlocal tried
            tried += 1
            response = case.call(base_url=live_server.url, headers=headers)
            case.validate_response(response, checks=CHECKS, headers=headers)

        answers()
    assert tried >= 3 * len(RESOURCES)


quick = bounds(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
