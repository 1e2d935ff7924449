"""The edge: whatever happens inside, one JSON reply with a request id leaves."""

from __future__ import annotations

import json
from collections.abc import Callable

import flask
import pytest
from werkzeug.test import Client, TestResponse

from shared.domain import errors
from shared.http.api import Api
from shared.http.call import Call, Caller, Reply, json_reply
from shared.http.errors import TABLE
from shared.settings import Settings
from tests.unit.http.test_gateway_token import GATEWAY, token

SETTINGS = Settings(
    environment="sandbox",
    project="p",
    data_database="sandbox",
    control_database="(default)",
    invokers=(GATEWAY,),
)
SECRET = "tok_sandbox_secret_that_must_not_be_logged"


class OneKey:
    def authenticate(self, authorization: str | None) -> Caller:
        if authorization != f"ApiKey {SECRET}":
            raise errors.InvalidApiKey("no")
        return Caller(organisation_id="org_1", key_id="key_1")


def client(handler: Callable[[Call], Reply], *, public: bool = False) -> Client:
    api = Api("test", settings=SETTINGS, authenticator=OneKey())
    api.operation("GET", "/v1/things/<thing_id>", public=public)(handler)
    app = flask.Flask("test")
    app.add_url_rule(
        "/<path:path>", view_func=lambda path: api(flask.request), methods=["GET", "POST", "PUT", "DELETE"]
    )
    return Client(app, TestResponse)


def ok(call: Call) -> Reply:
    return json_reply({"id": call.path["thing_id"]})


HEADERS = {
    "Authorization": token(email=GATEWAY, email_verified=True),
    "X-Forwarded-Authorization": f"ApiKey {SECRET}",
}


def code(response: TestResponse) -> str:
    assert response.mimetype == "application/json"
    envelope = json.loads(response.data)["error"]
    assert envelope["requestId"] == response.headers["X-Request-Id"]
    return str(envelope["code"])


def test_a_good_call_has_every_header() -> None:
    response = client(ok).get("/v1/things/7", headers=HEADERS)
    assert (response.status_code, response.json) == (200, {"id": "7"})
    assert response.headers["X-Request-Id"].startswith("req_")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_a_call_that_did_not_come_through_the_gateway_counts_for_nothing() -> None:
    response = client(ok, public=True).get(
        "/v1/things/7", headers=HEADERS | {"Authorization": f"ApiKey {SECRET}"}
    )
    assert (response.status_code, code(response)) == (403, "FORBIDDEN")


def test_a_call_without_a_key_is_refused_unless_the_operation_is_public() -> None:
    without = {"Authorization": HEADERS["Authorization"]}
    response = client(ok).get("/v1/things/7", headers=without)
    assert (response.status_code, code(response)) == (401, "INVALID_API_KEY")
    assert response.headers["WWW-Authenticate"] == "ApiKey"
    assert client(ok, public=True).get("/v1/things/7", headers=without).status_code == 200


def test_the_health_path_needs_the_invoker_and_no_key() -> None:
    without = {"Authorization": HEADERS["Authorization"]}
    response = client(ok).get("/health", headers=without)
    assert (response.status_code, response.json) == (200, {"status": "ok"})
    response = client(ok).get("/health")
    assert (response.status_code, code(response)) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/v1/things/7/", "/v1//things/7", "/v1/things/", "/v1/things/a%2Fb"]
)
def test_an_unknown_path_is_not_found(path: str) -> None:
    response = client(ok).get(path, headers=HEADERS)
    assert (response.status_code, code(response)) == (404, "NOT_FOUND")


def test_an_unknown_method_says_which_there_are() -> None:
    response = client(ok).delete("/v1/things/7", headers=HEADERS)
    assert (response.status_code, code(response)) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["Allow"] == "GET, HEAD"


def test_a_bug_becomes_internal_and_tells_the_client_nothing(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    def broken(call: Call) -> Reply:
        raise ZeroDivisionError("details")

    response = client(broken).get("/v1/things/7", headers=HEADERS)
    assert (response.status_code, code(response)) == (500, "INTERNAL")
    assert b"details" not in response.data


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_every_domain_error_has_its_status_and_code(kind: type[errors.TokError]) -> None:
    examples = {
        errors.Invalid: errors.Invalid("field", "reason"),
        errors.MethodNotAllowed: errors.MethodNotAllowed("m", allowed=("GET",)),
        errors.BankTimeout: errors.BankTimeout("erste-hr", "m"),
        errors.BankError: errors.BankUnavailable("erste-hr", "m"),
    }
    error = examples.get(kind) or kind("m")

    def failing(call: Call) -> Reply:
        raise error

    response = client(failing).get("/v1/things/7", headers=HEADERS)
    assert (response.status_code, code(response)) == (TABLE[kind].status, TABLE[kind].code)


def test_no_subclass_of_an_error_is_left_out_of_the_table() -> None:
    def leaves(kind: type[errors.TokError]) -> list[type[errors.TokError]]:
        below = [leaf for subclass in kind.__subclasses__() for leaf in leaves(subclass)]
        return below or [kind]

    unmapped = [kind for kind in leaves(errors.TokError) if not any(kin in TABLE for kin in kind.__mro__)]
    assert unmapped == []


def test_a_parameter_that_an_operation_does_not_take_is_refused() -> None:
    response = client(ok).get("/v1/things/7?iban=1", headers=HEADERS)
    assert (response.status_code, code(response)) == (400, "VALIDATION_ERROR")


def test_the_log_has_ids_and_no_key(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    response = client(ok).get("/v1/things/7?iban=HR1723600001101234565", headers=HEADERS)
    lines = capfdbinary.readouterr().out.splitlines()
    logged = json.loads(lines[-1])
    assert logged["requestId"] == response.headers["X-Request-Id"]
    assert (logged["organisation"], logged["status"], logged["operation"]) == ("org_1", 400, "ok")
    assert SECRET.encode() not in b"".join(lines)
    assert b"HR17" not in b"".join(lines)
