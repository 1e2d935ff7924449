from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.functions.sandbox_bank.conftest import NOON, MovableClock
from tests.functions.sandbox_bank.tpp import BASE_URL, REDIRECT_URI, Connection, Tpp
from xs2a_bank.data import accounts_of, statement

BANK = "raiffeisen-ba"
MANDATES = f"/{BANK}/api/v2/mandates"
BODY = {"purpose": "account-information", "validTo": "01.02.2027", "returnUrl": REDIRECT_URI}


def refusal(reply: TestResponse) -> tuple[int, str]:
    return reply.status_code, str(reply.get_json()["errorCode"])


def entries(account_no: str, **query: object) -> str:
    given = {"from": "24.11.2024", "to": "24.11.2026", **query}
    joined = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
    return f"/accounts/{account_no}/entries?{joined}"


def test_a_mandate_from_new_to_cancelled(tpp: Tpp) -> None:
    created = tpp.http.post(MANDATES, json=BODY, headers=tpp.basic)
    assert created.status_code == 201
    mandate = created.get_json()
    number = mandate["mandateNo"]
    assert number.startswith("M-")
    assert mandate == {
        "mandateNo": number,
        "state": "NEW",
        "validTo": "01.02.2027",
        "authorizationServer": f"{BASE_URL}/.well-known/oauth-authorization-server/{BANK}",
    }
    tpp.exchange(BANK, tpp.consented_code(BANK, number))
    active = {"mandateNo": number, "state": "ACTIVE", "validTo": "01.02.2027"}
    assert tpp.http.get(f"{MANDATES}/{number}", headers=tpp.basic).get_json() == active
    for _ in range(2):
        cancelled = tpp.http.delete(f"{MANDATES}/{number}", headers=tpp.basic)
        assert cancelled.status_code == 200
        assert cancelled.get_json() == {"mandateNo": number, "state": "CANCELLED"}
    assert tpp.http.get(f"{MANDATES}/{number}", headers=tpp.basic).get_json()["state"] == "CANCELLED"


def test_a_declined_mandate_is_refused_and_an_old_one_lapses(tpp: Tpp, clock: MovableClock) -> None:
    declined = tpp.new_consent(BANK)
    browser = tpp.browse(BANK, declined)
    browser.sign_in("ana")
    browser.submit(decision="decline")
    assert browser.answer()["error"] == "access_denied"
    assert tpp.http.get(f"{MANDATES}/{declined}", headers=tpp.basic).get_json()["state"] == "REFUSED"
    waiting = tpp.new_consent(BANK)
    clock.move(days=181)
    lapsed = tpp.http.get(f"{MANDATES}/{waiting}", headers=tpp.basic).get_json()
    assert (lapsed["state"], lapsed["validTo"]) == ("LAPSED", "23.05.2027")


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {**BODY, "purpose": "payments"},
        {**BODY, "validTo": "2027-02-01"},
        {**BODY, "validTo": "31.02.2027"},
        {**BODY, "validTo": "01.02.2020"},
        {**BODY, "returnUrl": "https://elsewhere.example"},
        {**BODY, "validTo": 1},
    ],
)
def test_wrong_mandates(tpp: Tpp, body: Any) -> None:
    assert refusal(tpp.http.post(MANDATES, json=body, headers=tpp.basic)) == (400, "BAD_REQUEST")


def test_mandates_belong_to_their_partner(tpp: Tpp, other_tpp: Tpp) -> None:
    number = tpp.new_consent(BANK)
    for method in ("GET", "DELETE"):
        path = f"{MANDATES}/{number}"
        foreign = other_tpp.http.open(path, method=method, headers=other_tpp.basic)
        assert refusal(foreign) == (404, "MANDATE_UNKNOWN")
        assert refusal(tpp.http.open(path, method=method)) == (401, "PARTNER_UNKNOWN")
    unknown = tpp.http.get(f"{MANDATES}/M-none", headers=tpp.basic)
    assert refusal(unknown) == (404, "MANDATE_UNKNOWN")


def test_accounts(tpp: Tpp) -> None:
    connection = tpp.connect(BANK)
    items = tpp.bilateral(connection, "/accounts").get_json()["items"]
    account = accounts_of(BANK, "ana")[0]
    books = statement(account, now=NOON)
    local = f"{books.booked_balance:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")
    assert items[0]["accountNo"] == account.iban
    assert (items[0]["ccy"], items[0]["holder"], items[0]["product"]) == (
        "BAM",
        account.holder,
        "Tekući račun",
    )
    assert items[0]["balances"]["booked"] == local
    assert items[0]["balances"]["at"] == "2026-11-24 12:00:00"


def test_entries_are_the_books_newest_first(tpp: Tpp) -> None:
    connection = tpp.connect(BANK)
    account = accounts_of(BANK, "ana")[0]
    first = tpp.bilateral(connection, entries(account.iban)).get_json()
    found = list(first["entries"])
    for page in range(2, first["pages"] + 1):
        found += tpp.bilateral(connection, entries(account.iban, page=page, size=100)).get_json()["entries"]
    booked = [r for r in reversed(statement(account, now=NOON).booked) if f"{r.day:%Y%m%d}" >= "20241124"]
    assert len(found) == first["total"] == len(booked)
    for shown, row in zip(found, booked, strict=True):
        amount = shown["amount"].replace(".", "").replace(",", ".")
        assert f"{abs(row.amount):.2f}" == amount
        assert shown["type"] == ("D" if row.amount < 0 else "P")
        assert shown["date"] == f"{row.day:%d.%m.%Y}"
        assert (shown["purpose"], shown["state"], shown["ccy"]) == (row.remittance, "BOOKED", "BAM")
    numbers = [shown["no"] for shown in found]
    assert numbers == sorted(set(numbers), reverse=True)
    assert any("." in shown["amount"] for shown in found)
    beyond = tpp.bilateral(connection, entries(account.iban, page=first["pages"] + 1)).get_json()
    assert beyond["entries"] == []


def test_reserved_entries_have_no_number(tpp: Tpp) -> None:
    connection = tpp.connect(BANK)
    account = accounts_of(BANK, "ana")[0]
    reserved = tpp.bilateral(connection, entries(account.iban, state="RESERVED")).get_json()["entries"]
    assert len(reserved) == len(statement(account, now=NOON).pending) > 0
    assert {(shown["no"], shown["state"]) for shown in reserved} == {(None, "RESERVED")}


@pytest.mark.parametrize(
    "query",
    [
        {"from": None},
        {"to": None},
        {"from": "2026-11-01"},
        {"from": "25.11.2026"},
        {"from": "01.01.2020"},
        {"page": "0"},
        {"page": "x"},
        {"page": "1&page=2"},
        {"size": "101"},
        {"size": "-1"},
        {"page": "٣"},
        {"state": "booked"},
    ],
)
def test_wrong_queries(tpp: Tpp, query: dict[str, Any]) -> None:
    connection = tpp.connect(BANK)
    account = accounts_of(BANK, "ana")[0]
    assert refusal(tpp.bilateral(connection, entries(account.iban, **query))) == (400, "BAD_REQUEST")


def test_token_and_mandate(tpp: Tpp, clock: MovableClock) -> None:
    connection = tpp.connect(BANK)
    other = tpp.new_consent(BANK)

    def read(token: str | None, number: str | None) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"X-Mandate-No": number} if number else {}
        return refusal(tpp.http.get(f"/{BANK}/api/v2/accounts", headers=headers))

    assert read(connection.access_token, None) == (400, "BAD_REQUEST")
    assert read(connection.access_token, other) == (403, "MANDATE_UNKNOWN")
    assert read(None, connection.consent_id) == (401, "TOKEN_INVALID")
    assert read("sbat_unknown", connection.consent_id) == (401, "TOKEN_INVALID")
    clock.move(minutes=10)
    assert read(connection.access_token, connection.consent_id) == (401, "TOKEN_EXPIRED")


def test_an_account_that_is_not_in_the_mandate(tpp: Tpp) -> None:
    connection = tpp.connect(BANK)
    stranger = accounts_of(BANK, "marko")[0].iban
    assert refusal(tpp.bilateral(connection, entries(stranger))) == (404, "NOT_FOUND")


def test_unattended_reads_are_limited_once_the_mandate_is_no_longer_fresh(
    tpp: Tpp, clock: MovableClock
) -> None:
    connection = tpp.connect(BANK)
    for _ in range(6):
        assert tpp.bilateral(connection, "/accounts").status_code == 200
    clock.move(minutes=16)
    tokens = tpp.refresh(BANK, connection.refresh_token).get_json()
    later = Connection(
        bank=BANK,
        consent_id=connection.consent_id,
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
    )
    for _ in range(4):
        assert tpp.bilateral(later, "/accounts").status_code == 200
    refused = tpp.bilateral(later, "/accounts")
    assert refusal(refused) == (429, "LIMIT_EXCEEDED")
    assert int(refused.headers["Retry-After"]) > 86_000
    assert tpp.bilateral(later, "/accounts", attended=True).status_code == 200
    account = accounts_of(BANK, "ana")[0]
    assert tpp.bilateral(later, entries(account.iban, **{"from": "01.11.2026"})).status_code == 200
    assert refusal(tpp.bilateral(later, entries(account.iban))) == (400, "BAD_REQUEST")


def test_failures_are_json(tpp: Tpp) -> None:
    assert refusal(tpp.http.get(f"/{BANK}/api/v2/nowhere")) == (404, "NOT_FOUND")
    assert tpp.http.patch(MANDATES).status_code == 405
    assert tpp.http.patch(MANDATES).get_json()["errorCode"] == "BAD_REQUEST"
    large = tpp.http.post(MANDATES, data=b" " * 200_000, headers=tpp.basic)
    assert refusal(large) == (413, "BAD_REQUEST")
