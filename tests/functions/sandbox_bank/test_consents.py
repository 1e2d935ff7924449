from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.functions.sandbox_bank.conftest import NOON, MovableClock
from tests.functions.sandbox_bank.tpp import BASE_URL, CONSENT_BODY, REDIRECT_URI, Tpp

XS2A_BANKS = ("erste-hr", "nlb-si", "intesa-rs")
TODAY = NOON.date()


def code_of(reply: TestResponse) -> str:
    return str(reply.get_json()["tppMessages"][0]["code"])


@pytest.mark.parametrize("bank", XS2A_BANKS)
def test_a_new_consent_is_received_and_says_where_to_authorise(tpp: Tpp, bank: str) -> None:
    reply = tpp.post_consent(bank)
    assert reply.status_code == 201
    body = reply.get_json()
    assert body["consentStatus"] == "received"
    assert reply.headers["ASPSP-SCA-Approach"] == "REDIRECT"
    assert reply.headers["Location"] == f"{BASE_URL}/{bank}/v1/consents/{body['consentId']}"
    assert body["_links"]["scaOAuth"]["href"] == f"{BASE_URL}/.well-known/oauth-authorization-server/{bank}"
    base = "" if bank == "intesa-rs" else BASE_URL
    assert body["_links"]["self"]["href"] == f"{base}/{bank}/v1/consents/{body['consentId']}"


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (date(9999, 12, 31), TODAY + timedelta(days=180)),
        (TODAY + timedelta(days=181), TODAY + timedelta(days=180)),
        (TODAY + timedelta(days=90), TODAY + timedelta(days=90)),
        (TODAY, TODAY),
    ],
)
def test_the_bank_shortens_what_reaches_too_far(tpp: Tpp, asked: date, granted: date) -> None:
    consent_id = tpp.new_consent("erste-hr", validUntil=asked.isoformat())
    reply = tpp.xs2a("GET", "erste-hr", f"/v1/consents/{consent_id}", headers=tpp.basic)
    assert reply.get_json()["validUntil"] == granted.isoformat()


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        {**CONSENT_BODY, "access": {}},
        {**CONSENT_BODY, "access": {"allPsd2": "everything"}},
        {**CONSENT_BODY, "access": {"accounts": [{"iban": "nonsense"}]}},
        {**CONSENT_BODY, "access": {"accounts": [{}]}},
        {**CONSENT_BODY, "validUntil": "soon"},
        {**CONSENT_BODY, "validUntil": "2020-01-01"},
        {**CONSENT_BODY, "frequencyPerDay": 0},
        {**CONSENT_BODY, "frequencyPerDay": 5},
        {**CONSENT_BODY, "frequencyPerDay": "4"},
        {**CONSENT_BODY, "recurringIndicator": False},
        {name: value for name, value in CONSENT_BODY.items() if name != "recurringIndicator"},
    ],
)
def test_a_body_that_is_wrong_is_a_format_error(tpp: Tpp, body: Any) -> None:
    reply = tpp.post_consent("erste-hr", body)
    assert (reply.status_code, code_of(reply)) == (400, "FORMAT_ERROR")


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 5_000, b'{"access": "\\ud800"}', b"\x00"])
def test_a_body_that_is_no_json_is_a_format_error(tpp: Tpp, raw: bytes) -> None:
    headers = {
        **tpp.basic,
        "PSU-IP-Address": "192.0.2.7",
        "TPP-Redirect-URI": REDIRECT_URI,
        "Content-Type": "application/json",
    }
    reply = tpp.xs2a("POST", "erste-hr", "/v1/consents", headers=headers, data=raw)
    assert (reply.status_code, code_of(reply)) == (400, "FORMAT_ERROR")


@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("X_Request_ID", None, 400, "FORMAT_ERROR"),
        ("X_Request_ID", "not-a-uuid", 400, "FORMAT_ERROR"),
        ("PSU_IP_Address", None, 400, "FORMAT_ERROR"),
        ("PSU_IP_Address", "localhost", 400, "FORMAT_ERROR"),
        ("TPP_Redirect_URI", None, 400, "FORMAT_ERROR"),
        ("TPP_Redirect_URI", "https://elsewhere.example", 400, "FORMAT_ERROR"),
        ("Authorization", None, 401, "CERTIFICATE_MISSING"),
        ("Authorization", "Bearer x", 401, "CERTIFICATE_MISSING"),
        ("Authorization", "Basic dG9rOndyb25n", 401, "CERTIFICATE_INVALID"),
        ("Authorization", "Basic //79", 401, "CERTIFICATE_MISSING"),
        ("Accept", "application/xml", 406, "REQUESTED_FORMATS_INVALID"),
    ],
)
def test_headers_that_are_missing_or_wrong(
    tpp: Tpp, header: str, value: str | None, status: int, code: str
) -> None:
    reply = tpp.post_consent("erste-hr", **{header: value})
    assert (reply.status_code, code_of(reply)) == (status, code)


def test_a_large_body_and_a_wrong_media_type(tpp: Tpp) -> None:
    headers = {**tpp.basic, "PSU-IP-Address": "192.0.2.7", "TPP-Redirect-URI": REDIRECT_URI}
    target = "/v1/consents"
    large = tpp.xs2a(
        "POST",
        "erste-hr",
        target,
        headers={**headers, "Content-Type": "application/json"},
        data=b" " * 200_000,
    )
    assert (large.status_code, code_of(large)) == (400, "FORMAT_ERROR")
    form = tpp.xs2a("POST", "erste-hr", target, headers=headers, data={"access": "all"})
    assert form.status_code == 415


def test_methods_and_paths_that_do_not_exist(tpp: Tpp) -> None:
    put = tpp.xs2a("PUT", "erste-hr", "/v1/consents", checked=False)
    assert (put.status_code, code_of(put)) == (405, "SERVICE_INVALID")
    nowhere = tpp.xs2a("GET", "erste-hr", "/v1/nowhere", checked=False)
    assert (nowhere.status_code, code_of(nowhere)) == (404, "RESOURCE_UNKNOWN")


@pytest.mark.parametrize("suffix", ["", "/status", "/authorisations"])
@pytest.mark.parametrize("consent_id", ["unknown", ".", "__x__", "a%00b", "x" * 2_000])
def test_an_unknown_consent(tpp: Tpp, consent_id: str, suffix: str) -> None:
    reply = tpp.xs2a("GET", "erste-hr", f"/v1/consents/{consent_id}{suffix}", headers=tpp.basic)
    assert (reply.status_code, code_of(reply)) == (403, "CONSENT_UNKNOWN")


@pytest.mark.parametrize("suffix", ["", "/status", "/authorisations"])
def test_another_tpps_consent_and_another_banks_are_unknown(tpp: Tpp, other_tpp: Tpp, suffix: str) -> None:
    target = f"/v1/consents/{tpp.new_consent('erste-hr')}{suffix}"
    foreign = other_tpp.xs2a("GET", "erste-hr", target, headers=other_tpp.basic)
    assert (foreign.status_code, code_of(foreign)) == (403, "CONSENT_UNKNOWN")
    elsewhere = tpp.xs2a("GET", "nlb-si", target, headers=tpp.basic)
    assert (elsewhere.status_code, code_of(elsewhere)) == (403, "CONSENT_UNKNOWN")
    assert tpp.xs2a("GET", "erste-hr", target, headers=tpp.basic).status_code == 200


def test_authorisations_follow_the_psu(tpp: Tpp) -> None:
    consent_id = tpp.new_consent("erste-hr")
    target = f"/v1/consents/{consent_id}/authorisations"
    (authorisation_id,) = tpp.xs2a("GET", "erste-hr", target, headers=tpp.basic).get_json()[
        "authorisationIds"
    ]
    started = tpp.xs2a("POST", "erste-hr", target, headers=tpp.basic)
    assert (started.status_code, started.get_json()["authorisationId"]) == (201, authorisation_id)

    def sca_status() -> str:
        one = tpp.xs2a("GET", "erste-hr", f"{target}/{authorisation_id}", headers=tpp.basic)
        return str(one.get_json()["scaStatus"])

    assert sca_status() == "received"
    browser = tpp.browse("erste-hr", consent_id)
    browser.submit(username="ana", password="sandbox")
    assert sca_status() == "psuIdentified"
    browser.submit(otp="123456")
    assert sca_status() == "psuAuthenticated"
    browser.submit(account=browser.accounts(), decision="approve")
    assert sca_status() == "finalised"
    again = tpp.xs2a("POST", "erste-hr", target, headers=tpp.basic)
    assert (again.status_code, code_of(again)) == (409, "STATUS_INVALID")
    unknown = tpp.xs2a("GET", "erste-hr", f"{target}/unknown", headers=tpp.basic)
    assert (unknown.status_code, code_of(unknown)) == (404, "RESOURCE_UNKNOWN")


def test_deleting_ends_the_consent_and_its_tokens_and_may_be_repeated(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr")
    target = f"/v1/consents/{connection.consent_id}"
    assert tpp.read(connection, "/v1/accounts").status_code == 200
    for _ in range(2):
        assert tpp.xs2a("DELETE", "erste-hr", target, headers=tpp.basic).status_code == 204
    status = tpp.xs2a("GET", "erste-hr", f"{target}/status", headers=tpp.basic).get_json()
    assert status == {"consentStatus": "terminatedByTpp"}
    read = tpp.read(connection, "/v1/accounts")
    assert (read.status_code, code_of(read)) == (401, "CONSENT_INVALID")
    refreshed = tpp.refresh("erste-hr", connection.refresh_token)
    assert (refreshed.status_code, refreshed.get_json()["error"]) == (400, "invalid_grant")


def test_a_consent_expires_after_its_last_day(tpp: Tpp, clock: MovableClock) -> None:
    connection = tpp.connect("erste-hr", validUntil=(TODAY + timedelta(days=1)).isoformat())
    clock.move(days=1)
    tokens = tpp.refresh("erste-hr", connection.refresh_token)
    assert tokens.status_code == 200
    clock.move(days=1)
    status = tpp.xs2a("GET", "erste-hr", f"/v1/consents/{connection.consent_id}/status", headers=tpp.basic)
    assert status.get_json() == {"consentStatus": "expired"}
    refreshed = tpp.refresh("erste-hr", tokens.get_json()["refresh_token"])
    assert refreshed.get_json()["error"] == "invalid_grant"


def test_after_sca_the_consent_names_the_accounts_that_the_psu_chose(tpp: Tpp) -> None:
    consent_id = tpp.new_consent("erste-hr")
    browser = tpp.browse("erste-hr", consent_id)
    browser.sign_in("ana")
    chosen = browser.accounts()[:1]
    browser.submit(account=chosen, decision="approve")
    body = tpp.xs2a("GET", "erste-hr", f"/v1/consents/{consent_id}", headers=tpp.basic).get_json()
    assert body["consentStatus"] == "valid"
    assert body["access"] == {
        right: [{"iban": chosen[0], "currency": "EUR"}] for right in ("accounts", "balances", "transactions")
    }
