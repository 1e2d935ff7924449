from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.functions.sandbox_bank.conftest import MovableClock
from tests.functions.sandbox_bank.tpp import BASE_URL, Connection, Tpp
from xs2a_bank.data import accounts_of, statement

XS2A_BANKS = ("erste-hr", "nlb-si", "intesa-rs")


def refusal(reply: TestResponse) -> tuple[int, str]:
    return reply.status_code, str(reply.get_json()["tppMessages"][0]["code"])


def account_ids(tpp: Tpp, connection: Connection) -> list[str]:
    return [a["resourceId"] for a in tpp.read(connection, "/v1/accounts").get_json()["accounts"]]


def by_type(balances: list[dict[str, Any]]) -> dict[str, Decimal]:
    return {balance["balanceType"]: Decimal(balance["balanceAmount"]["amount"]) for balance in balances}


@pytest.mark.parametrize("bank", XS2A_BANKS)
def test_accounts_and_balances_are_the_books(tpp: Tpp, clock: MovableClock, bank: str) -> None:
    connection = tpp.connect(bank)
    found = tpp.read(connection, "/v1/accounts?withBalance=true").get_json()["accounts"]
    owned = accounts_of(bank, "ana")
    assert [(a["iban"], a["currency"], a["ownerName"]) for a in found] == [
        (account.iban, account.currency, account.holder) for account in owned
    ]
    for shown, account in zip(found, owned, strict=True):
        books = statement(account, now=clock.current)
        balances = by_type(shown["balances"])
        assert balances["closingBooked"] == books.booked_balance
        assert balances["interimAvailable"] == books.available_balance
        assert ("interimBooked" in balances) == (bank == "erste-hr")
        target = f"/v1/accounts/{account.resource_id}"
        assert tpp.read(connection, f"{target}/balances").get_json()["balances"] == shown["balances"]
        one = tpp.read(connection, f"{target}?withBalance=true").get_json()["account"]
        assert one == shown
        base = "" if bank == "intesa-rs" else BASE_URL
        assert shown["_links"]["transactions"]["href"] == f"{base}/{bank}{target}/transactions"


def test_balances_are_shown_only_when_asked_for(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr")
    for target in ("/v1/accounts", "/v1/accounts?withBalance=false"):
        assert all("balances" not in a for a in tpp.read(connection, target).get_json()["accounts"])
    assert refusal(tpp.read(connection, "/v1/accounts?withBalance=yes")) == (400, "FORMAT_ERROR")


def test_one_currency_account_in_serbia_is_in_euros() -> None:
    assert [account.currency for account in accounts_of("intesa-rs", "ana")].count("EUR") == 1


def test_only_the_chosen_accounts_can_be_read(tpp: Tpp) -> None:
    consent_id = tpp.new_consent("erste-hr")
    browser = tpp.browse("erste-hr", consent_id)
    browser.sign_in("ana")
    browser.submit(account=browser.accounts()[:1], decision="approve")
    tokens = tpp.exchange("erste-hr", browser.answer()["code"]).get_json()
    connection = Connection(
        bank="erste-hr",
        consent_id=consent_id,
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
    )
    assert len(account_ids(tpp, connection)) == 1
    hidden = accounts_of("erste-hr", "ana")[1].resource_id
    for suffix in ("", "/balances", "/transactions?bookingStatus=booked&dateFrom=2026-11-01"):
        reply = tpp.read(connection, f"/v1/accounts/{hidden}{suffix}")
        assert refusal(reply) == (404, "RESOURCE_UNKNOWN")


@pytest.mark.parametrize(
    ("access", "balances", "transactions"),
    [
        ({"availableAccounts": "allAccounts"}, 401, 401),
        ({"availableAccountsWithBalance": "allAccounts"}, 200, 401),
        ({"accounts": [], "balances": [], "transactions": []}, 200, 200),
        ({"accounts": [], "transactions": []}, 401, 200),
        ({"allPsd2": "allAccountsWithOwnerName"}, 200, 200),
    ],
)
def test_reads_are_within_the_consents_rights(
    tpp: Tpp, access: dict[str, Any], balances: int, transactions: int
) -> None:
    connection = tpp.connect("erste-hr", access=access)
    account_id = account_ids(tpp, connection)[0]
    target = f"/v1/accounts/{account_id}"
    for reply, expected in (
        (tpp.read(connection, f"{target}/balances"), balances),
        (tpp.read(connection, "/v1/accounts?withBalance=true"), balances),
        (
            tpp.read(connection, f"{target}/transactions?bookingStatus=booked&dateFrom=2026-11-01"),
            transactions,
        ),
    ):
        assert reply.status_code == expected
        if expected == 401:
            assert refusal(reply) == (401, "CONSENT_INVALID")


def test_token_and_consent_belong_together(tpp: Tpp, other_tpp: Tpp) -> None:
    mine, second = tpp.connect("erste-hr"), tpp.connect("erste-hr")

    def read(token: str | None, consent_id: str | None, bank: str = "erste-hr") -> tuple[int, str]:
        headers = {"Authorization": token and f"Bearer {token}", "Consent-ID": consent_id}
        return refusal(tpp.xs2a("GET", bank, "/v1/accounts", headers=headers))

    assert read(mine.access_token, second.consent_id) == (400, "CONSENT_UNKNOWN")
    assert read(mine.access_token, "unknown") == (400, "CONSENT_UNKNOWN")
    assert read(mine.access_token, None) == (400, "FORMAT_ERROR")
    assert read(None, mine.consent_id) == (401, "TOKEN_UNKNOWN")
    assert read("sbat_unknown", mine.consent_id) == (401, "TOKEN_UNKNOWN")
    assert read("žž", mine.consent_id) == (401, "TOKEN_UNKNOWN")
    assert read(mine.refresh_token, mine.consent_id) == (401, "TOKEN_UNKNOWN")
    assert read(mine.access_token, mine.consent_id, bank="nlb-si") == (401, "TOKEN_UNKNOWN")


def test_unattended_reads_are_counted_per_account_and_endpoint(tpp: Tpp, clock: MovableClock) -> None:
    connection = tpp.connect("erste-hr")
    first, second = account_ids(tpp, connection)[:2]
    for _ in range(4):
        assert tpp.read(connection, f"/v1/accounts/{first}/balances", attended=False).status_code == 200
        clock.move(minutes=1)
    refused = tpp.read(connection, f"/v1/accounts/{first}/balances", attended=False)
    assert refusal(refused) == (429, "ACCESS_EXCEEDED")
    assert int(refused.headers["Retry-After"]) == 24 * 3600 - 4 * 60
    assert tpp.read(connection, f"/v1/accounts/{first}/balances", attended=True).status_code == 200
    assert tpp.read(connection, f"/v1/accounts/{second}/balances", attended=False).status_code == 200
    assert tpp.read(connection, f"/v1/accounts/{first}", attended=False).status_code == 200
    clock.move(hours=24, minutes=-4)
    tokens = tpp.refresh("erste-hr", connection.refresh_token).get_json()
    later = Connection(
        bank="erste-hr",
        consent_id=connection.consent_id,
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
    )
    assert tpp.read(later, f"/v1/accounts/{first}/balances", attended=False).status_code == 200
    assert tpp.read(later, f"/v1/accounts/{first}/balances", attended=False).status_code == 429


def test_a_lower_frequency_is_kept(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr", frequencyPerDay=1, recurringIndicator=False)
    assert tpp.read(connection, "/v1/accounts", attended=False).status_code == 200
    assert tpp.read(connection, "/v1/accounts", attended=False).status_code == 429


def test_the_psus_address_must_be_one(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr")
    headers = {
        "Authorization": f"Bearer {connection.access_token}",
        "Consent-ID": connection.consent_id,
        "PSU-IP-Address": "here",
    }
    assert refusal(tpp.xs2a("GET", "erste-hr", "/v1/accounts", headers=headers)) == (400, "FORMAT_ERROR")
