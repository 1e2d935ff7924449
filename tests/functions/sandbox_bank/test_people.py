"""What goes wrong for whom, at a bank of each kind."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from tests.functions.sandbox_bank.conftest import MovableClock
from tests.functions.sandbox_bank.tpp import Connection, Tpp
from xs2a_bank.data import accounts_of
from xs2a_bank.people import PEOPLE

TRANSACTIONS = "transactions?bookingStatus=booked&dateFrom=2026-11-01"


def read_accounts(tpp: Tpp, connection: Connection) -> TestResponse:
    if connection.bank == "raiffeisen-ba":
        return tpp.bilateral(connection, "/accounts", attended=True)
    return tpp.read(connection, "/v1/accounts")


def xs2a_targets(person: str) -> list[str]:
    account_id = accounts_of("erste-hr", person)[0].resource_id
    return [
        "/v1/accounts",
        f"/v1/accounts/{account_id}/balances",
        f"/v1/accounts/{account_id}/{TRANSACTIONS}",
    ]


def bilateral_targets(person: str) -> list[str]:
    account_no = accounts_of("raiffeisen-ba", person)[0].iban
    return ["/accounts", f"/accounts/{account_no}/entries?from=01.11.2026&to=24.11.2026"]


@pytest.mark.parametrize(
    ("person", "status", "code"),
    [
        ("fails", 500, "INTERNAL_SERVER_ERROR"),
        ("limited", 429, "ACCESS_EXCEEDED"),
        ("token-refused", 401, "TOKEN_INVALID"),
        ("expired", 401, "CONSENT_EXPIRED"),
        ("revoked", 401, "CONSENT_INVALID"),
    ],
)
def test_every_read_is_refused(tpp: Tpp, person: str, status: int, code: str) -> None:
    connection = tpp.connect("erste-hr", person=person)
    for target in xs2a_targets(person):
        reply = tpp.read(connection, target)
        assert (reply.status_code, reply.get_json()["tppMessages"][0]["code"]) == (status, code)
        assert ("Retry-After" in reply.headers) == (person == "limited")


@pytest.mark.parametrize(
    ("person", "status", "code"),
    [
        ("fails", 500, "INTERNAL"),
        ("limited", 429, "LIMIT_EXCEEDED"),
        ("token-refused", 401, "TOKEN_INVALID"),
        ("expired", 403, "MANDATE_LAPSED"),
        ("revoked", 403, "MANDATE_CANCELLED"),
    ],
)
def test_every_bilateral_read_is_refused(tpp: Tpp, person: str, status: int, code: str) -> None:
    connection = tpp.connect("raiffeisen-ba", person=person)
    for target in bilateral_targets(person):
        reply = tpp.bilateral(connection, target)
        assert (reply.status_code, reply.get_json()["errorCode"]) == (status, code)
        assert ("Retry-After" in reply.headers) == (person == "limited")


@pytest.mark.parametrize("bank", ["erste-hr", "raiffeisen-ba"])
def test_limited_is_served_after_the_time_that_it_was_told(tpp: Tpp, clock: MovableClock, bank: str) -> None:
    connection = tpp.connect(bank, person="limited")
    clock.move(seconds=1.5)
    refused = read_accounts(tpp, connection)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3599")
    clock.move(seconds=3598)
    connection = tpp.renew(connection)
    assert read_accounts(tpp, connection).headers["Retry-After"] == "1"
    clock.move(seconds=1)
    assert read_accounts(tpp, connection).status_code == 200


@pytest.mark.parametrize("bank", ["erste-hr", "raiffeisen-ba"])
def test_down_for_a_while_is_up_after_two_hours(tpp: Tpp, clock: MovableClock, bank: str) -> None:
    connection = tpp.connect(bank, person="down-for-a-while")
    assert read_accounts(tpp, connection).status_code == 503
    clock.move(seconds=7199)
    connection = tpp.renew(connection)
    assert read_accounts(tpp, connection).status_code == 503
    clock.move(seconds=1)
    assert read_accounts(tpp, connection).status_code == 200


@pytest.mark.parametrize(
    ("bank", "status", "code"), [("erste-hr", "expired", 401), ("raiffeisen-ba", "LAPSED", 403)]
)
def test_expires_lasts_five_days(tpp: Tpp, clock: MovableClock, bank: str, status: str, code: int) -> None:
    connection = tpp.connect(bank, person="expires")
    clock.move(days=5, seconds=-1)
    connection = tpp.renew(connection)
    assert read_accounts(tpp, connection).status_code == 200
    clock.move(seconds=1)
    refused = read_accounts(tpp, connection)
    assert refused.status_code == code
    assert ("CONSENT_EXPIRED" if bank == "erste-hr" else "MANDATE_LAPSED") in refused.text
    assert tpp.consent_status(connection) == status
    assert tpp.refresh(bank, connection.refresh_token).get_json()["error"] == "invalid_grant"
    clock.move(hours=1)
    assert read_accounts(tpp, connection).status_code == code, "said before that the token is old"


def test_shortened_lasts_thirty_days_and_less_where_less_was_asked(tpp: Tpp, clock: MovableClock) -> None:
    for asked, granted in ((90, "2026-12-24"), (7, "2026-12-01")):
        until = (clock.current.date() + timedelta(days=asked)).isoformat()
        connection = tpp.connect("erste-hr", person="shortened", validUntil=until)
        target = f"/v1/consents/{connection.consent_id}"
        body = tpp.xs2a("GET", "erste-hr", target, headers=tpp.basic).get_json()
        assert (body["consentStatus"], body["validUntil"]) == ("valid", granted)
    mandate = tpp.connect("raiffeisen-ba", person="shortened")
    path = f"/raiffeisen-ba/api/v2/mandates/{mandate.consent_id}"
    assert tpp.http.get(path, headers=tpp.basic).get_json()["validTo"] == "24.12.2026"
    clock.move(days=31)
    assert (tpp.consent_status(connection), tpp.consent_status(mandate)) == ("expired", "LAPSED")


def test_the_consent_page_tells_the_shortened_day(tpp: Tpp) -> None:
    browser = tpp.browse("erste-hr", tpp.new_consent("erste-hr"))
    browser.sign_in("shortened")
    assert "24 December 2026" in browser.page.text


@pytest.mark.parametrize(("person", "status"), [("expired", "expired"), ("revoked", "revokedByPsu")])
def test_the_consents_status_says_so_too(tpp: Tpp, person: str, status: str) -> None:
    connection = tpp.connect("erste-hr", person=person)
    target = f"/v1/consents/{connection.consent_id}/status"
    assert tpp.xs2a("GET", "erste-hr", target, headers=tpp.basic).get_json()["consentStatus"] == "valid"
    tpp.read(connection, "/v1/accounts")
    assert tpp.xs2a("GET", "erste-hr", target, headers=tpp.basic).get_json()["consentStatus"] == status


def test_html_instead_of_json(tpp: Tpp) -> None:
    xs2a = tpp.connect("erste-hr", person="html")
    bilateral = tpp.connect("raiffeisen-ba", person="html")
    for reply in (
        *(tpp.read(xs2a, target, checked=False) for target in xs2a_targets("html")),
        *(tpp.bilateral(bilateral, target) for target in bilateral_targets("html")),
    ):
        assert (reply.status_code, reply.mimetype) == (200, "text/html")


def test_broken_json(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr", person="garbled")
    for target in xs2a_targets("garbled"):
        reply = tpp.read(connection, target, checked=False)
        assert (reply.status_code, reply.mimetype) == (200, "application/json")
        assert reply.get_json(silent=True) is None


def test_flaky_fails_the_first_read_of_each_kind(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr", person="flaky")
    for target in xs2a_targets("flaky"):
        assert [tpp.read(connection, target).status_code for _ in range(3)] == [503, 200, 200]
    bilateral = tpp.connect("raiffeisen-ba", person="flaky")
    for target in bilateral_targets("flaky"):
        assert [tpp.bilateral(bilateral, target).status_code for _ in range(3)] == [503, 200, 200]


def test_slow_answers_after_its_time(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr", person="slow")
    started = time.monotonic()
    assert tpp.read(connection, "/v1/accounts").status_code == 200
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize("person", [p.username for p in PEOPLE.values() if p.fault is None])
@pytest.mark.parametrize("bank", ["erste-hr", "raiffeisen-ba"])
def test_the_others_read_everything(tpp: Tpp, bank: str, person: str) -> None:
    connection: Connection = tpp.connect(bank, person=person)
    if bank == "erste-hr":
        replies = [tpp.read(connection, target) for target in xs2a_targets(person)]
    else:
        replies = [tpp.bilateral(connection, target) for target in bilateral_targets(person)]
    assert {reply.status_code for reply in replies} == {200}


def test_marko_has_many_accounts(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr", person="marko")
    assert len(tpp.read(connection, "/v1/accounts").get_json()["accounts"]) >= 8
