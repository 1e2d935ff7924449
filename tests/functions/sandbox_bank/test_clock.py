"""A TPP moves the bank's clock: everything that hangs on time follows, for that consent and for no other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from tests.functions.sandbox_bank.conftest import NOON, MovableClock
from tests.functions.sandbox_bank.tpp import Browser, Connection, Tpp
from xs2a_bank.data import accounts_of, statement

DAY = 86_400
HEADER = "Sandbox-Clock-Offset-Seconds"
BANKS_OF_EACH_KIND = ("erste-hr", "raiffeisen-ba")


def read_rows(tpp: Tpp, connection: Connection, days: int, *, attended: bool = True) -> TestResponse:
    """Of the main account, since so many days before the day that the TPP has moved to."""
    account = accounts_of(connection.bank, "ana")[0]
    today = NOON.date() + timedelta(seconds=tpp.clock_offset_seconds or 0)
    since = today - timedelta(days=days)
    if connection.bank == "raiffeisen-ba":
        query = f"from={since:%d.%m.%Y}&to={today:%d.%m.%Y}"
        return tpp.bilateral(connection, f"/accounts/{account.iban}/entries?{query}", attended=attended)
    path = f"/v1/accounts/{account.resource_id}/transactions"
    return tpp.read(connection, f"{path}?bookingStatus=booked&dateFrom={since}", attended=attended)


@pytest.mark.parametrize("value", ["", "-1", "1.5", "x", "1e3", "٣", "9" * 9, "1, 2", " "])
def test_what_is_no_offset_is_a_format_error(tpp: Tpp, value: str) -> None:
    headers = {HEADER: value}
    for target in ("/v1/consents/x", "/v1/accounts", "/v1/nowhere"):
        reply = tpp.xs2a("GET", "erste-hr", target, headers={**tpp.basic, **headers}, checked=False)
        assert (reply.status_code, reply.get_json()["tppMessages"][0]["code"]) == (400, "FORMAT_ERROR")
        assert reply.get_json()["tppMessages"][0]["path"] == HEADER
    mandate = tpp.http.get("/raiffeisen-ba/api/v2/mandates/M-1", headers={**tpp.basic, **headers})
    assert (mandate.status_code, mandate.get_json()["errorCode"]) == (400, "BAD_REQUEST")
    token = tpp.http.post("/erste-hr/oauth2/token", headers={**tpp.basic, **headers})
    assert (token.status_code, token.get_json()["error"]) == (400, "invalid_request")


def test_a_consents_own_times_follow(tpp: Tpp) -> None:
    tpp.clock_offset_seconds = 100 * DAY
    target = f"/v1/consents/{tpp.new_consent('erste-hr')}"
    body = tpp.xs2a("GET", "erste-hr", target, headers=tpp.basic).get_json()
    later = NOON.date() + timedelta(days=100)
    assert body["validUntil"] == (later + timedelta(days=180)).isoformat()
    assert body["lastActionDate"] == later.isoformat()


@pytest.mark.parametrize("bank", BANKS_OF_EACH_KIND)
def test_pages_and_codes_follow_the_consents_clock(tpp: Tpp, clock: MovableClock, bank: str) -> None:
    tpp.clock_offset_seconds = 100 * DAY
    consent_id = tpp.new_consent(bank)
    browser = tpp.browse(bank, consent_id)
    browser.sign_in("ana")
    account = accounts_of(bank, "ana")[0]
    balance = statement(account, now=NOON + timedelta(days=100)).available_balance
    assert f"{balance:,.2f}" in browser.page.text
    until = NOON + timedelta(days=280)
    assert f"{until.day} {until:%B %Y}" in browser.page.text
    browser.submit(account=browser.accounts(), decision="approve")
    code = browser.answer()["code"]
    clock.move(seconds=30)
    tpp.clock_offset_seconds += 29
    assert tpp.exchange(bank, code).status_code == 200


@pytest.mark.parametrize("bank", BANKS_OF_EACH_KIND)
def test_a_code_expires_by_its_consents_clock(tpp: Tpp, bank: str) -> None:
    tpp.clock_offset_seconds = 100 * DAY
    code = tpp.consented_code(bank, tpp.new_consent(bank))
    tpp.clock_offset_seconds += 60
    assert tpp.exchange(bank, code).get_json()["error"] == "invalid_grant"


@pytest.mark.parametrize("moved", ["the time", "the consent"])
def test_a_session_expires_by_its_consents_clock(tpp: Tpp, clock: MovableClock, moved: str) -> None:
    tpp.clock_offset_seconds = 100 * DAY
    consent_id = tpp.new_consent("erste-hr")
    browser = tpp.browse("erste-hr", consent_id)
    if moved == "the time":
        clock.move(minutes=10)
    else:
        tpp.clock_offset_seconds += 600
        tpp.xs2a("GET", "erste-hr", f"/v1/consents/{consent_id}/status", headers=tpp.basic)
    browser.submit(username="ana", password="sandbox")
    assert browser.page.status_code == 410
    assert "too long" in browser.page.text


def test_a_browser_moves_no_clock(tpp: Tpp) -> None:
    consent_id = tpp.new_consent("erste-hr")
    browser = Browser(tpp.app)
    parameters = tpp.authorize_parameters("erste-hr", consent_id)
    moved = tpp.app.test_client().get(
        "/erste-hr/oauth2/authorize", query_string=parameters, headers={HEADER: str(365 * DAY)}
    )
    assert moved.status_code == 303
    browser.get("/erste-hr/oauth2/authorize", parameters)
    browser.sign_in("ana")
    assert "23 May 2027" in browser.page.text


@pytest.mark.parametrize("bank", BANKS_OF_EACH_KIND)
def test_tokens_expire_and_are_refreshed_and_the_clock_never_goes_back(tpp: Tpp, bank: str) -> None:
    connection = tpp.connect(bank)
    tpp.clock_offset_seconds = 599
    assert read_rows(tpp, connection, 30).status_code == 200
    tpp.clock_offset_seconds = 600
    refused = read_rows(tpp, connection, 30)
    assert (refused.status_code, "TOKEN_EXPIRED" in refused.text) == (401, True)
    for smaller in (599, 0, None):
        tpp.clock_offset_seconds = smaller
        assert read_rows(tpp, connection, 30).status_code == 401
    assert read_rows(tpp, tpp.renew(connection), 30).status_code == 200


@pytest.mark.parametrize("bank", BANKS_OF_EACH_KIND)
def test_a_refresh_can_be_the_first_to_tell_the_time(tpp: Tpp, bank: str) -> None:
    connection = tpp.connect(bank)
    tpp.clock_offset_seconds = 30 * DAY
    renewed = tpp.renew(connection)
    tpp.clock_offset_seconds = None
    assert read_rows(tpp, renewed, 30).status_code == 200
    tpp.clock_offset_seconds = 181 * DAY
    assert tpp.refresh(bank, renewed.refresh_token).get_json()["error"] == "invalid_grant"


@pytest.mark.parametrize("bank", BANKS_OF_EACH_KIND)
def test_the_history_shrinks_to_ninety_days_after_sca(tpp: Tpp, bank: str) -> None:
    connection = tpp.connect(bank)
    assert read_rows(tpp, connection, 700).status_code == 200
    tpp.clock_offset_seconds = 16 * 60
    connection = tpp.renew(connection)
    assert read_rows(tpp, connection, 700).status_code == 400
    assert read_rows(tpp, connection, 90).status_code == 200


@pytest.mark.parametrize(("bank", "ended"), [("erste-hr", "expired"), ("raiffeisen-ba", "LAPSED")])
def test_a_consent_expires_and_others_do_not(tpp: Tpp, other_tpp: Tpp, bank: str, ended: str) -> None:
    moved, other = tpp.connect(bank), tpp.connect(bank)
    before = tpp.consent_status(moved)
    # Another TPP names the consent in vain.
    other_tpp.clock_offset_seconds = 181 * DAY
    other_tpp.xs2a("GET", "erste-hr", f"/v1/consents/{moved.consent_id}", headers=other_tpp.basic)
    assert tpp.consent_status(moved) == before != ended
    tpp.clock_offset_seconds = 181 * DAY
    assert tpp.consent_status(moved) == ended
    assert read_rows(tpp, moved, 30).status_code in (401, 403)
    tpp.clock_offset_seconds = None
    assert tpp.consent_status(moved) == ended
    assert tpp.consent_status(other) == before
    assert read_rows(tpp, other, 30).status_code == 200


@pytest.mark.parametrize("bank", BANKS_OF_EACH_KIND)
def test_the_days_reads_come_back_after_a_day(tpp: Tpp, bank: str) -> None:
    connection = tpp.connect(bank)
    tpp.clock_offset_seconds = 16 * 60
    connection = tpp.renew(connection)
    assert [read_rows(tpp, connection, 30, attended=False).status_code for _ in range(5)] == [200] * 4 + [429]
    tpp.clock_offset_seconds += DAY - 1
    connection = tpp.renew(connection)
    refused = read_rows(tpp, connection, 30, attended=False)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    tpp.clock_offset_seconds += 1
    assert read_rows(tpp, connection, 30, attended=False).status_code == 200


def test_the_data_grows_day_by_day(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr")
    account = accounts_of("erste-hr", "ana")[0]
    for days in range(3):
        tpp.clock_offset_seconds = days * DAY
        connection = tpp.renew(connection)
        shown = read_rows(tpp, connection, 5).get_json()["transactions"]["booked"]
        books = statement(account, now=NOON + timedelta(days=days))
        since = NOON.date() + timedelta(days=days - 5)
        expected = [row.transaction_id for row in reversed(books.booked) if row.day >= since]
        assert [row["transactionId"] for row in shown] == expected
        target = f"/v1/accounts/{account.resource_id}/balances"
        balances = tpp.read(connection, target).get_json()["balances"]
        yesterday = NOON.date() + timedelta(days=days - 1)
        assert balances[0]["referenceDate"] == yesterday.isoformat()
        assert balances[0]["balanceAmount"]["amount"] == f"{books.booked_balance:.2f}"
