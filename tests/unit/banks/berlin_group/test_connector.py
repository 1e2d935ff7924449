"""The whole connector at a scripted bank: what it sends, and how it takes what comes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import httpx
import msgspec
import pytest

from shared.banks.berlin_group.connector import BerlinGroupConnector
from shared.domain.bank_data import BankAccess, BankTokens, StartedConsent
from shared.domain.errors import (
    BankConfigurationError,
    BankRateLimited,
    BankRefused,
    BankTokenExpired,
    BankUnavailable,
)
from tests.unit.banks.scripted_bank import (
    ACCESS,
    ACCOUNT,
    BASE_URL,
    ISSUER,
    METADATA,
    METADATA_PATH,
    FixedClock,
    ScriptedBank,
    json_answer,
    raw_answer,
    setup_of,
)

CONSENTS = "/psd2/v1/consents"
TRANSACTIONS = "/psd2/v1/accounts/account-1/transactions"
LINKS = {"scaOAuth": {"href": f"https://bank.example{METADATA_PATH}"}}
CREATED = {"consentStatus": "received", "consentId": "c-1", "_links": LINKS}
TOKENS = BankTokens(
    access_token="access-secret", refresh_token=None, expires_at=datetime(2027, 1, 1, tzinfo=UTC)
)


def connector_at(
    answers: dict[tuple[str, str], Any], **rules: Any
) -> tuple[ScriptedBank, BerlinGroupConnector]:
    bank = ScriptedBank({("GET", METADATA_PATH): json_answer(METADATA), **answers})
    return bank, BerlinGroupConnector(setup_of(**rules), clock=FixedClock(), transport=bank)


def consent_answers(created: Any = CREATED) -> dict[tuple[str, str], Any]:
    return {
        ("POST", CONSENTS): json_answer(created, 201),
        ("GET", f"{CONSENTS}/c-1"): json_answer({"validUntil": "2027-01-31", "consentStatus": "received"}),
    }


def start(connector: BerlinGroupConnector) -> StartedConsent:
    return connector.start_consent(
        redirect_uri="https://tok.example/v1/callback",
        state="the-state",
        code_challenge="the-challenge",
        valid_until=date(2027, 2, 22),
        psu_ip_address="203.0.113.7",
    )


def entry(number: int) -> dict[str, Any]:
    return {
        "transactionId": f"t-{number}",
        "bookingDate": "2026-10-25",
        "transactionAmount": {"currency": "EUR", "amount": f"-{number}.00"},
    }


def report(*entries: Any, status: str = "booked", **links: Any) -> dict[str, Any]:
    return {"transactions": {status: list(entries), "_links": links}}


def read(connector: BerlinGroupConnector, *, page: str | None = None, status: Any = "booked") -> Any:
    return connector.transactions_page(ACCESS, ACCOUNT, status=status, date_from=date(2026, 10, 1), page=page)


def test_a_consent_is_asked_for_as_the_standard_has_it() -> None:
    bank, connector = connector_at(consent_answers())
    started = start(connector)
    assert started.bank_consent_id == "c-1"
    assert (started.issuer, started.issuer_in_response) == (ISSUER, True)
    assert started.valid_until == date(2027, 1, 31)
    assert "scope=AIS%3Ac-1" in started.authorise_url
    request = bank.requests[0]
    assert json.loads(request.content) == {
        "access": {"accounts": [], "balances": [], "transactions": []},
        "recurringIndicator": True,
        "validUntil": "2027-02-22",
        "frequencyPerDay": 4,
        "combinedServiceIndicator": False,
    }
    assert request.headers["psu-ip-address"] == "203.0.113.7"
    assert request.headers["tpp-redirect-uri"] == "https://tok.example/v1/callback"
    assert request.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "created",
    [
        {**CREATED, "_links": {}},
        {**CREATED, "_links": {"scaRedirect": {"href": f"{BASE_URL}/login"}}},
        {**CREATED, "_links": {"scaOAuth": {"href": "https://elsewhere.example/x"}}},
        {**CREATED, "_links": "none"},
        {**CREATED, "consentId": " "},
        {**CREATED, "consentId": "../accounts"} | {"consentStatus": "unheard-of"},
        {"consentStatus": "received"},
        [],
        None,
    ],
)
def test_a_consent_that_makes_no_sense(created: Any) -> None:
    with pytest.raises(BankUnavailable):
        start(connector_at(consent_answers(created))[1])


def test_a_consent_that_the_bank_rejects() -> None:
    with pytest.raises(BankRefused):
        start(connector_at(consent_answers({**CREATED, "consentStatus": "rejected"}))[1])


def test_7_a_bank_that_leaves_the_login_link_out() -> None:
    started = start(connector_at(consent_answers({**CREATED, "_links": {}}), sca_mode="oauth_unlinked")[1])
    assert started.authorise_url.startswith(METADATA["authorization_endpoint"])


def test_11_links_may_be_relative_or_bare_strings() -> None:
    for link in ({"href": METADATA_PATH}, METADATA_PATH):
        assert start(connector_at(consent_answers({**CREATED, "_links": {"scaOAuth": link}}))[1])


@pytest.mark.parametrize(
    "answer", [json_answer({}, 405), json_answer({}, 500), httpx.ReadTimeout("slow"), json_answer({})]
)
def test_a_consent_whose_end_the_bank_does_not_tell(answer: Any) -> None:
    _, connector = connector_at({**consent_answers(), ("GET", f"{CONSENTS}/c-1"): answer})
    assert start(connector).valid_until is None


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("received", "pending"),
        ("partiallyAuthorised", "pending"),
        ("valid", "valid"),
        ("rejected", "rejected"),
        ("expired", "expired"),
        ("revokedByPsu", "revoked"),
        ("terminatedByTpp", "revoked"),
    ],
)
def test_consent_states(told: str, state: str) -> None:
    _, connector = connector_at({("GET", f"{CONSENTS}/c-1/status"): json_answer({"consentStatus": told})})
    assert connector.consent_state(bank_consent_id="c-1") == state


def test_9_a_profile_knows_the_banks_own_consent_states() -> None:
    answers = {("GET", f"{CONSENTS}/c-1/status"): json_answer({"consentStatus": "ACTV"})}
    with pytest.raises(BankUnavailable):
        connector_at(answers)[1].consent_state(bank_consent_id="c-1")
    _, connector = connector_at(answers, consent_states={"ACTV": "valid", "EXPI": "expired"})
    assert connector.consent_state(bank_consent_id="c-1") == "valid"


@pytest.mark.parametrize(("code", "state"), [("CONSENT_EXPIRED", "expired"), ("CONSENT_UNKNOWN", "revoked")])
def test_a_consent_that_the_bank_no_longer_knows(code: str, state: str) -> None:
    body = {"tppMessages": [{"category": "ERROR", "code": code}]}
    _, connector = connector_at({("GET", f"{CONSENTS}/c-1/status"): json_answer(body, 403)})
    assert connector.consent_state(bank_consent_id="c-1") == state


@pytest.mark.parametrize(
    "answer",
    [
        raw_answer(b"", 204),
        json_answer({}, 404),
        json_answer({"code": "CONSENT_UNKNOWN"}, 403),
        json_answer({"code": "CONSENT_EXPIRED"}, 401),
    ],
)
def test_revoking_what_has_ended_is_success(answer: Any) -> None:
    bank, connector = connector_at({("DELETE", f"{CONSENTS}/c-1"): answer})
    connector.revoke(bank_consent_id="c-1")
    assert [request.method for request in bank.requests] == ["DELETE"]


def test_revoking_that_did_not_work_is_told() -> None:
    answers = {("DELETE", f"{CONSENTS}/c-1"): json_answer({"code": "FORMAT_ERROR"}, 400)}
    with pytest.raises(BankRefused):
        connector_at(answers)[1].revoke(bank_consent_id="c-1")


def test_with_a_certificate_a_call_in_our_own_name_shows_nothing_else() -> None:
    answers = {("DELETE", f"{CONSENTS}/c-1"): raw_answer(b"", 204)}
    bank, connector = connector_at(answers, partner_auth="certificate")
    connector.revoke(bank_consent_id="c-1")
    assert "authorization" not in bank.requests[0].headers


def test_a_401_without_a_code_is_about_whoever_asked() -> None:
    answers = {
        ("GET", f"{CONSENTS}/c-1/status"): json_answer({}, 401),
        ("GET", "/psd2/v1/accounts"): raw_answer(b"", 401),
    }
    _, connector = connector_at(answers)
    with pytest.raises(BankConfigurationError):
        connector.consent_state(bank_consent_id="c-1")
    with pytest.raises(BankTokenExpired):
        connector.accounts(ACCESS)


def test_a_read_says_whether_the_psu_is_there() -> None:
    bank, connector = connector_at({("GET", "/psd2/v1/accounts"): json_answer({"accounts": []})})
    connector.accounts(ACCESS)
    connector.accounts(msgspec.structs.replace(ACCESS, psu_ip_address="203.0.113.7"))
    unattended, attended = bank.requests
    assert "psu-ip-address" not in unattended.headers
    assert attended.headers["psu-ip-address"] == "203.0.113.7"
    assert unattended.headers["consent-id"] == "consent-1"
    assert unattended.headers["authorization"] == "Bearer access-secret"


def test_a_profiles_headers_go_with_every_call() -> None:
    bank, connector = connector_at(
        {("GET", "/psd2/v1/accounts"): json_answer({"accounts": []})}, headers={"web-api-key": "k"}
    )
    connector.accounts(ACCESS)
    assert bank.requests[0].headers["web-api-key"] == "k"


def test_a_page_asks_for_its_days() -> None:
    bank, connector = connector_at({("GET", TRANSACTIONS): json_answer(report(entry(1)))})
    found = connector.transactions_page(
        ACCESS, ACCOUNT, status="booked", date_from=date(2026, 10, 1), date_to=date(2026, 10, 31)
    )
    assert [transaction.external_id for transaction in found.transactions] == ["t-1"]
    assert found.next_page is None
    assert dict(bank.requests[0].url.params) == {
        "bookingStatus": "booked",
        "dateFrom": "2026-10-01",
        "dateTo": "2026-10-31",
    }


@pytest.mark.parametrize(
    "href",
    [
        f"https://bank.example{TRANSACTIONS}?page=2",
        f"{TRANSACTIONS}?page=2",
        "transactions?page=2",
        "?page=2",
    ],
)
def test_11_the_next_page_is_where_the_bank_says(href: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("page") == "2":
            return json_answer(report(entry(2)))(request)
        return json_answer(report(entry(1), next={"href": href}))(request)

    bank, connector = connector_at({("GET", TRANSACTIONS): answer})
    first = read(connector)
    second = read(connector, page=first.next_page)
    assert second.transactions[0].external_id == "t-2"
    assert second.next_page is None
    assert dict(bank.requests[1].url.params) == {"page": "2"}
    assert bank.requests[1].headers["consent-id"] == "consent-1"


def test_11_relative_links_may_start_at_the_api() -> None:
    body = report(entry(1), next={"href": "/v1/accounts/account-1/transactions?page=2"})
    _, connector = connector_at({("GET", TRANSACTIONS): json_answer(body)}, link_base="api")
    assert read(connector).next_page == f"{TRANSACTIONS}?page=2"


@pytest.mark.parametrize(
    "href", ["https://elsewhere.example/x", "//elsewhere.example/x", "http://bank.example/x"]
)
def test_a_next_page_elsewhere_is_not_followed(href: str) -> None:
    bank, connector = connector_at(
        {("GET", TRANSACTIONS): json_answer(report(entry(1), next={"href": href}))}
    )
    with pytest.raises(BankUnavailable):
        read(connector)
    with pytest.raises(BankUnavailable):
        read(connector, page=href)
    assert {request.url.host for request in bank.requests} == {"bank.example"}


def test_a_next_page_that_is_this_page_ends_it() -> None:
    href = f"{TRANSACTIONS}?page=2"
    _, connector = connector_at({("GET", TRANSACTIONS): json_answer(report(next={"href": href}))})
    with pytest.raises(BankUnavailable, match="same page"):
        read(connector, page=f"https://bank.example{href}")


def test_7_pages_by_number() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        full = request.url.params["page"] == "1"
        return json_answer(report(*([entry(1), entry(2)] if full else [entry(3)])))(request)

    bank, connector = connector_at({("GET", TRANSACTIONS): answer}, paging="page_number", page_size=2)
    first = read(connector)
    second = read(connector, page=first.next_page)
    assert (len(first.transactions), len(second.transactions), second.next_page) == (2, 1, None)
    assert [request.url.params["page"] for request in bank.requests] == ["1", "2"]
    assert bank.requests[1].url.params["limit"] == "2"
    assert bank.requests[1].url.params["dateFrom"] == "2026-10-01"


def test_6_a_bank_without_a_pending_list_is_not_asked() -> None:
    bank, connector = connector_at({}, booking_statuses=("booked",))
    assert read(connector, status="pending").transactions == ()
    assert bank.requests == []


def test_6_a_bank_that_knows_only_both() -> None:
    body = {"transactions": {"booked": [entry(1)], "pending": [entry(2)], "_links": {}}}
    bank, connector = connector_at(
        {("GET", TRANSACTIONS): json_answer(body)}, booking_statuses=("booked", "both")
    )
    (pending,) = read(connector, status="pending").transactions
    assert (pending.external_id, pending.status) == ("t-2", "pending")
    assert bank.requests[0].url.params["bookingStatus"] == "both"


def test_an_empty_list_may_be_left_out() -> None:
    _, connector = connector_at({("GET", TRANSACTIONS): json_answer({"transactions": {"_links": {}}})})
    assert read(connector).transactions == ()


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"transactions": []},
        {"transactions": {"booked": {}}},
        {"transactions": {"booked": ["x"]}},
        {"_links": {"download": {"href": "/file"}}},
    ],
)
def test_a_report_that_makes_no_sense(body: Any) -> None:
    with pytest.raises(BankUnavailable):
        read(connector_at({("GET", TRANSACTIONS): json_answer(body)})[1])


@pytest.mark.parametrize("resource_id", ["..", "."])
def test_an_account_id_never_climbs(resource_id: str) -> None:
    bank, connector = connector_at({})
    with pytest.raises(BankUnavailable):
        connector.balances(ACCESS, msgspec.structs.replace(ACCOUNT, resource_id=resource_id))
    assert bank.requests == []


def test_an_account_id_is_one_segment() -> None:
    bank = ScriptedBank({})
    connector = BerlinGroupConnector(setup_of(), clock=FixedClock(), transport=bank)
    with pytest.raises(KeyError):
        connector.balances(ACCESS, msgspec.structs.replace(ACCOUNT, resource_id="../x?y"))
    assert bank.requests[0].url.raw_path == b"/psd2/v1/accounts/..%2Fx%3Fy/balances"


def test_a_limit_is_told_with_its_end() -> None:
    answers = {("GET", TRANSACTIONS): json_answer({"code": "ACCESS_EXCEEDED"}, 429, retry_after="60")}
    with pytest.raises(BankRateLimited) as raised:
        read(connector_at(answers)[1])
    assert raised.value.retry_at == datetime(2026, 11, 24, 10, 1, tzinfo=UTC)


def test_a_failed_read_is_not_repeated() -> None:
    bank, connector = connector_at({("GET", TRANSACTIONS): httpx.ReadError("reset")})
    with pytest.raises(BankUnavailable):
        read(connector)
    assert len(bank.requests) == 1


def test_access_hides_its_token() -> None:
    assert "access-secret" not in repr(BankAccess(bank_consent_id="c", access_token="access-secret"))
    assert "access-secret" not in repr(TOKENS)
    assert "client-secret" not in repr(setup_of())
