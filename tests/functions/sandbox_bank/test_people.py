"""What goes wrong for whom, at a bank of each kind."""

from __future__ import annotations

import time

import pytest

from tests.functions.sandbox_bank.tpp import Connection, Tpp
from xs2a_bank.data import accounts_of
from xs2a_bank.people import PEOPLE

TRANSACTIONS = "transactions?bookingStatus=booked&dateFrom=2026-11-01"


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
