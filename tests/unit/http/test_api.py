"""The edge: whatever happens inside, one JSON reply with a request id leaves."""

from __future__ import annotations

import json
from collections.abc import Callable

import flask
import pytest
from werkzeug.test import Client, TestResponse

from shared.domain import errors
from shared.domain.roles import Permission
from shared.domain.users import Identity
from shared.http.api import Api
from shared.http.call import Call, Caller, Member, Reply, json_reply
from shared.http.errors import TABLE
from shared.http.log import logger
from shared.http.rate_limit import RateLimiter
from shared.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.rate_limits import FakeRateLimits
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
        return Caller(organisation_id="org_1", key_id="key_1", tier="free")


def client(
    handler: Callable[[Call], Reply], *, public: bool = False, limiter: RateLimiter | None = None
) -> Client:
    api = Api("test", settings=SETTINGS, authenticator=OneKey(), limiter=limiter)
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
        errors.RefreshLimitReached: errors.RefreshLimitReached("m", retry_after_seconds=7),
        errors.RateLimited: errors.RateLimited("m", retry_after_seconds=7),
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


RATE_LIMIT_HEADERS = {
    "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit",
}  # fmt: skip


def limited() -> RateLimiter:
    """Ten requests, and then none."""
    return RateLimiter(FakeRateLimits(), clock=FakeClock(), log=logger("test"))


def broken(call: Call) -> Reply:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("handler", "method", "path", "status"),
    [
        (ok, "GET", "/v1/things/7", 200),
        (ok, "HEAD", "/v1/things/7", 200),
        (ok, "GET", "/v1/things/7?iban=1", 400),
        (ok, "GET", "/v1/nothing", 404),
        (ok, "DELETE", "/v1/things/7", 405),
        (broken, "GET", "/v1/things/7", 500),
    ],
)
def test_every_reply_to_a_known_organisation_tells_its_limit(
    handler: Callable[[Call], Reply], method: str, path: str, status: int
) -> None:
    asking = client(handler, limiter=limited())
    for remaining in range(59, 49, -1):
        response = asking.open(path, method=method, headers=HEADERS)
        assert response.status_code == status
        assert set(response.headers.keys()) >= RATE_LIMIT_HEADERS
        assert response.headers["X-RateLimit-Remaining"] == str(remaining), "each request counts once"
    refused = asking.open(path, method=method, headers=HEADERS)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "1"
    assert set(refused.headers.keys()) >= RATE_LIMIT_HEADERS
    if method != "HEAD":
        assert code(refused) == "RATE_LIMITED"


def test_a_refused_request_never_reaches_its_handler() -> None:
    handled = []

    def handler(call: Call) -> Reply:
        handled.append(call.request_id)
        return ok(call)

    asking = client(handler, limiter=limited())
    for _ in range(15):
        asking.get("/v1/things/7", headers=HEADERS)
    assert len(handled) == 10


@pytest.mark.parametrize("path", ["/v1/things/7", "/v1/nothing"])
@pytest.mark.parametrize("key", ["", "ApiKey tok_sandbox_another"])
def test_without_a_good_key_there_is_no_organisation_and_no_limit(path: str, key: str) -> None:
    asking = client(ok, limiter=limited())
    headers = {"Authorization": HEADERS["Authorization"], "X-Forwarded-Authorization": key}
    for _ in range(15):
        response = asking.get(path, headers=headers)
        assert response.status_code == (401 if path == "/v1/things/7" else 404)
        assert not RATE_LIMIT_HEADERS & set(response.headers.keys())


def test_a_public_operation_has_no_limit() -> None:
    asking = client(ok, public=True, limiter=limited())
    for _ in range(15):
        response = asking.get("/v1/things/7", headers=HEADERS)
        assert response.status_code == 200
        assert not RATE_LIMIT_HEADERS & set(response.headers.keys())


def test_the_log_has_ids_and_no_key(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    response = client(ok).get("/v1/things/7?iban=HR1723600001101234565", headers=HEADERS)
    lines = capfdbinary.readouterr().out.splitlines()
    logged = json.loads(lines[-1])
    assert logged["requestId"] == response.headers["X-Request-Id"]
    assert (logged["organisation"], logged["status"], logged["operation"]) == ("org_1", 400, "ok")
    assert SECRET.encode() not in b"".join(lines)
    assert b"HR17" not in b"".join(lines)


class OneUser:
    """Ana, who is a developer of org_1."""

    def authenticate(self, authorization: str | None) -> Identity:
        if authorization != "Bearer ana":
            raise errors.InvalidToken("no")
        return Identity(user_id="usr_1", subject="subject", email="ana@bilko.io")

    def member_of(self, identity: Identity, organisation_id: str | None) -> Member:
        if organisation_id not in (None, "org_1"):
            raise errors.NotFound("no")
        return Member(organisation_id="org_1", user_id=identity.user_id, role="developer", tier="free")


def user_client(permission: Permission | None) -> Client:
    api = Api("test", settings=SETTINGS, authenticator=None, users=OneUser())

    def who(call: Call) -> Reply:
        member = None if permission is None else call.member.organisation_id
        return json_reply({"user": call.identity.user_id, "in": member, "actor": call.origin.actor})

    api.user_operation("GET", "/v1/who", permission=permission)(who)
    app = flask.Flask("test")
    app.add_url_rule("/<path:path>", view_func=lambda path: api(flask.request))
    return Client(app, TestResponse)


def as_ana(**headers: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {**HEADERS, "X-Forwarded-Authorization": "Bearer ana", **named}


def test_a_user_operation_takes_a_user_who_may() -> None:
    response = user_client("keys.create").get("/v1/who", headers=as_ana())
    assert response.json == {"user": "usr_1", "in": "org_1", "actor": {"kind": "user", "id": "usr_1"}}
    response = user_client("organisation.update").get("/v1/who", headers=as_ana())
    assert (response.status_code, code(response)) == (403, "FORBIDDEN")
    response = user_client("keys.create").get("/v1/who", headers=as_ana(X_Organisation_Id="org_2"))
    assert (response.status_code, code(response)) == (404, "NOT_FOUND")


def test_a_user_operation_takes_no_key() -> None:
    response = user_client("keys.create").get("/v1/who", headers=HEADERS)
    assert (response.status_code, code(response)) == (401, "INVALID_TOKEN")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_without_a_permission_no_organisation_is_asked_for() -> None:
    response = user_client(None).get("/v1/who", headers=as_ana(X_Organisation_Id="org_2"))
    assert response.json == {"user": "usr_1", "in": None, "actor": {"kind": "user", "id": "usr_1"}}
