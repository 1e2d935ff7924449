"""Rate limits by the real clock, through the gateway, on the running stack."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from shared.domain.rate_limits import LIMITS
from tests.contract.openapi import validate_reply
from tests.contract.refusals import has_code
from tests.stack import Stack

pytestmark = pytest.mark.stack

HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit")


class Client(httpx.Client):
    """Never waits; judges every reply by the document."""

    def __init__(self, stack: Stack, api_key: str) -> None:
        super().__init__(
            base_url=stack.gateway_url,
            headers={"Authorization": f"ApiKey {api_key}"},
            timeout=90,
            trust_env=False,
            verify=False,
            event_hooks={"response": [self._judge]},
        )

    @staticmethod
    def _judge(reply: httpx.Response) -> None:
        reply.read()
        validate_reply(reply.request.method, str(reply.request.url), reply)


@pytest.fixture
def free(stack: Stack) -> Iterator[Client]:
    with Client(stack, stack.new_organisation(tier="free")) as client:
        yield client


def until_refused(client: Client, path: str, *, method: str = "GET", at_most: int = 200) -> httpx.Response:
    for _ in range(at_most):
        reply = client.request(method, path)
        if reply.status_code == 429:
            return reply
    raise AssertionError(f"{at_most} requests were all let in")


def wait_for_a_young_minute() -> None:
    """A test of one minute's requests must not run into the next."""
    if time.time() % 60 > 40:
        time.sleep(60.05 - time.time() % 60)


def test_a_free_key_has_its_burst_and_then_a_request_a_second(free: Client) -> None:
    wait_for_a_young_minute()
    began = time.time()
    let_in = 0
    while (reply := free.get("/banks")).status_code == 200:
        let_in += 1
        assert let_in <= 10 + (time.time() - began) + 1
    assert let_in >= 10
    has_code(reply, 429, "RATE_LIMITED")
    assert reply.headers["Retry-After"] == "1"
    assert reply.headers["RateLimit"] == '"burst";r=0;t=1'
    time.sleep(int(reply.headers["Retry-After"]))
    assert free.get("/banks").status_code == 200


def test_remaining_and_reset_are_true(free: Client) -> None:
    wait_for_a_young_minute()
    first, second = free.get("/banks"), free.get("/accounts")
    assert first.headers["X-RateLimit-Limit"] == "60"
    assert [reply.headers["X-RateLimit-Remaining"] for reply in (first, second)] == ["59", "58"], (
        "every function counts in the same minute"
    )
    next_minute = (int(time.time()) // 60 + 1) * 60
    assert int(second.headers["X-RateLimit-Reset"]) == next_minute


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/banks", 200),
        ("GET", "/banks?iban=1", 400),
        ("GET", "/accounts/acc_01HXYZ8V0A1B2C3D4E5F6G7H8J", 404),
        ("GET", "/no/such/path", 404),
        ("PUT", "/banks", 405),
    ],
)
def test_every_kind_of_reply_tells_the_limit_and_counts(
    free: Client, method: str, path: str, status: int
) -> None:
    reply = free.request(method, path)
    assert reply.status_code == status
    assert all(name in reply.headers for name in HEADERS)
    assert int(reply.headers["X-RateLimit-Remaining"]) <= 59
    refused = until_refused(free, path, method=method)
    assert all(name in refused.headers for name in HEADERS)
    has_code(refused, 429, "RATE_LIMITED")


@pytest.mark.slow
def test_a_free_minute_is_never_more_than_sixty(free: Client) -> None:
    """Asked many times as fast as it lets in for a whole minute, by every function in turn."""
    paths = ("/banks", "/accounts", "/consents")
    time.sleep(60.02 - time.time() % 60)
    minute, let_in, asked = int(time.time()) // 60, 0, 0
    refusals: list[httpx.Response] = []
    while int(time.time()) // 60 == minute:
        for path in paths:
            sent = time.time()
            reply = free.get(path)
            if int(sent) // 60 == minute == int(time.time()) // 60:
                asked += 1
                let_in += reply.status_code == 200
                refusals += [reply] if reply.status_code == 429 else []
        time.sleep(0.2)
    assert min(30, asked // 2) <= let_in <= 60
    if let_in == 60:
        last = refusals[-1].headers
        assert (last["X-RateLimit-Remaining"], last["RateLimit"][:14]) == ("0", '"minute";r=0;t')
    time.sleep(1.1)
    assert free.get("/banks").status_code == 200


def test_another_organisation_is_not_affected(stack: Stack, free: Client) -> None:
    until_refused(free, "/banks")
    with Client(stack, stack.new_organisation()) as enterprise:
        for _ in range(100):
            assert enterprise.get("/banks").status_code == 200


def test_the_stack_names_a_key_of_each_tier(stack: Stack) -> None:
    for tier, key in stack.info["tierKeys"].items():
        with Client(stack, key) as client:
            told = client.get("/banks").headers
            assert told["X-RateLimit-Limit"] == str(LIMITS[tier].per_minute)
            assert told["RateLimit-Policy"].startswith(f'"burst";q={LIMITS[tier].burst};')
    for name in ("sandboxApiKey", "secondSandboxApiKey"):
        with Client(stack, stack.info[name]) as client:
            assert client.get("/banks").headers["X-RateLimit-Limit"] == "1000"


def test_where_no_organisation_is_known_no_limit_is_told(stack: Stack) -> None:
    with httpx.Client(base_url=stack.gateway_url, trust_env=False, timeout=90) as anonymous:
        for _ in range(15):
            for path, status in (("/banks", 401), ("/callback?state=x", 400), ("/no/such/path", 404)):
                reply = anonymous.get(path)
                assert reply.status_code == status
                assert not any(name in reply.headers for name in HEADERS)
