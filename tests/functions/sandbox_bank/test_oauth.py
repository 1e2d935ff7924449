from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest
from google.cloud import firestore

from tests.functions.sandbox_bank.conftest import MovableClock
from tests.functions.sandbox_bank.tpp import BASE_URL, REDIRECT_URI, Tpp
from xs2a_bank.banks import BANKS

BANK = "erste-hr"


@pytest.mark.parametrize("bank", BANKS)
def test_metadata_is_the_same_in_both_places_and_names_its_issuer(tpp: Tpp, bank: str) -> None:
    by_rfc = tpp.http.get(f"/.well-known/oauth-authorization-server/{bank}").get_json()
    assert by_rfc == tpp.http.get(f"/{bank}/.well-known/oauth-authorization-server").get_json()
    assert by_rfc["issuer"] == f"{BASE_URL}/{bank}"
    assert by_rfc["code_challenge_methods_supported"] == ["S256"]
    assert by_rfc["authorization_response_iss_parameter_supported"] is True


def test_metadata_of_an_unknown_bank(tpp: Tpp) -> None:
    assert tpp.http.get("/.well-known/oauth-authorization-server/none").status_code == 404


@pytest.mark.parametrize("bank", BANKS)
def test_the_whole_way_to_tokens(tpp: Tpp, bank: str) -> None:
    consent_id = tpp.new_consent(bank)
    browser = tpp.browse(bank, consent_id)
    browser.sign_in("ana")
    browser.submit(account=browser.accounts(), decision="approve")
    answer = browser.answer()
    assert answer["state"] == "s t/a?t&e"
    assert answer["iss"] == f"{BASE_URL}/{bank}"
    assert answer["code"].startswith("sbac_")
    reply = tpp.exchange(bank, answer["code"])
    assert (reply.status_code, reply.headers["Cache-Control"]) == (200, "no-store")
    tokens = reply.get_json()
    assert tokens["access_token"].startswith("sbat_")
    assert tokens["refresh_token"].startswith("sbrt_")
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 600)
    assert tokens["scope"].endswith(consent_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": ""},
        {"code_challenge": "too-short"},
    ],
)
def test_pkce_with_s256_is_required(tpp: Tpp, changes: dict[str, str]) -> None:
    answer = tpp.browse(BANK, tpp.new_consent(BANK), **changes).answer()
    assert (answer["error"], answer["iss"]) == ("invalid_request", f"{BASE_URL}/{BANK}")


@pytest.mark.parametrize("verifier", ["", "short", "x" * 64, "ž" * 64])
def test_a_wrong_verifier_gets_no_tokens(tpp: Tpp, verifier: str) -> None:
    code = tpp.consented_code(BANK, tpp.new_consent(BANK))
    reply = tpp.exchange(BANK, code, code_verifier=verifier)
    assert reply.status_code == 400
    assert reply.get_json()["error"] in ("invalid_grant", "invalid_request")


def test_a_challenge_may_not_be_used_as_verifier(tpp: Tpp) -> None:
    code = tpp.consented_code(BANK, tpp.new_consent(BANK))
    digest = hashlib.sha256(tpp.verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert tpp.exchange(BANK, code, code_verifier=challenge).get_json()["error"] == "invalid_grant"


def test_a_replayed_code_takes_its_tokens_with_it(tpp: Tpp) -> None:
    consent_id = tpp.new_consent(BANK)
    code = tpp.consented_code(BANK, consent_id)
    tokens = tpp.exchange(BANK, code).get_json()
    assert tpp.exchange(BANK, code).get_json()["error"] == "invalid_grant"
    assert tpp.refresh(BANK, tokens["refresh_token"]).get_json()["error"] == "invalid_grant"
    read = tpp.xs2a(
        "GET",
        BANK,
        "/v1/accounts",
        headers={"Authorization": f"Bearer {tokens['access_token']}", "Consent-ID": consent_id},
    )
    assert (read.status_code, read.get_json()["tppMessages"][0]["code"]) == (401, "TOKEN_INVALID")


def test_a_code_lives_a_minute(tpp: Tpp, clock: MovableClock) -> None:
    code = tpp.consented_code(BANK, tpp.new_consent(BANK))
    clock.move(seconds=60)
    assert tpp.exchange(BANK, code).get_json()["error"] == "invalid_grant"


def test_a_code_belongs_to_its_client_bank_and_redirect_uri(tpp: Tpp, other_tpp: Tpp) -> None:
    code = tpp.consented_code(BANK, tpp.new_consent(BANK))
    other_tpp.verifier = tpp.verifier
    assert other_tpp.exchange(BANK, code).get_json()["error"] == "invalid_grant"
    assert tpp.exchange("nlb-si", code).get_json()["error"] == "invalid_grant"
    wrong_uri = tpp.exchange(BANK, code, redirect_uri=REDIRECT_URI + "/more")
    assert wrong_uri.get_json()["error"] == "invalid_grant"
    assert tpp.exchange(BANK, code).status_code == 200


def test_refresh_tokens_rotate_and_a_reuse_ends_the_family(tpp: Tpp) -> None:
    connection = tpp.connect(BANK)
    second = tpp.refresh(BANK, connection.refresh_token).get_json()
    third = tpp.refresh(BANK, second["refresh_token"]).get_json()
    assert len({connection.refresh_token, second["refresh_token"], third["refresh_token"]}) == 3
    assert tpp.read(connection, "/v1/accounts").status_code == 200
    assert tpp.refresh(BANK, connection.refresh_token).get_json()["error"] == "invalid_grant"
    assert tpp.refresh(BANK, third["refresh_token"]).get_json()["error"] == "invalid_grant"
    read = tpp.read(connection, "/v1/accounts")
    assert (read.status_code, read.get_json()["tppMessages"][0]["code"]) == (401, "TOKEN_INVALID")


def test_an_access_token_lives_ten_minutes(tpp: Tpp, clock: MovableClock) -> None:
    connection = tpp.connect(BANK)
    clock.move(seconds=599)
    assert tpp.read(connection, "/v1/accounts").status_code == 200
    clock.move(seconds=1)
    read = tpp.read(connection, "/v1/accounts")
    assert (read.status_code, read.get_json()["tppMessages"][0]["code"]) == (401, "TOKEN_EXPIRED")
    assert tpp.refresh(BANK, connection.refresh_token).status_code == 200


def test_a_refresh_token_belongs_to_its_client_and_bank(tpp: Tpp, other_tpp: Tpp) -> None:
    connection = tpp.connect(BANK)
    assert other_tpp.refresh(BANK, connection.refresh_token).status_code == 400
    assert tpp.refresh("nlb-si", connection.refresh_token).status_code == 400
    assert tpp.refresh(BANK, connection.access_token).status_code == 400
    assert tpp.refresh(BANK, connection.refresh_token).status_code == 200


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_revocation_ends_both_tokens(tpp: Tpp, which: str) -> None:
    connection = tpp.connect(BANK)
    form = {"token": getattr(connection, which)}
    for _ in range(2):
        assert tpp.http.post(f"/{BANK}/oauth2/revoke", data=form, headers=tpp.basic).status_code == 200
    assert tpp.read(connection, "/v1/accounts").status_code == 401
    assert tpp.refresh(BANK, connection.refresh_token).status_code == 400


def test_revocation_needs_the_client_and_forgives_unknown_tokens(tpp: Tpp, other_tpp: Tpp) -> None:
    connection = tpp.connect(BANK)
    form = {"token": connection.refresh_token}
    assert tpp.http.post(f"/{BANK}/oauth2/revoke", data=form).status_code == 401
    assert (
        other_tpp.http.post(f"/{BANK}/oauth2/revoke", data=form, headers=other_tpp.basic).status_code == 400
    )
    unknown = {"token": "sbrt_unknown"}
    assert tpp.http.post(f"/{BANK}/oauth2/revoke", data=unknown, headers=tpp.basic).status_code == 200
    assert tpp.refresh(BANK, connection.refresh_token).status_code == 200


@pytest.mark.parametrize("authorization", [None, "Basic dG9rOndyb25n", "Basic //79", "Basic", "Bearer x"])
def test_the_token_endpoint_knows_its_clients(tpp: Tpp, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    form = {"grant_type": "refresh_token", "refresh_token": "sbrt_x"}
    reply = tpp.http.post(f"/{BANK}/oauth2/token", data=form, headers=headers)
    assert (reply.status_code, reply.get_json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("form", [{}, {"grant_type": "password"}, {"grant_type": '\x00é"'}])
def test_other_grants_are_refused(tpp: Tpp, form: dict[str, str]) -> None:
    reply = tpp.token(BANK, **form)
    assert (reply.status_code, reply.get_json()["error"]) == (400, "unsupported_grant_type")


def test_authorization_of_a_consent_that_is_not_waiting(tpp: Tpp, other_tpp: Tpp) -> None:
    connection = tpp.connect(BANK)
    foreign = other_tpp.new_consent(BANK)
    elsewhere = tpp.new_consent("nlb-si")
    for consent_id in ("unknown", "", "a/b", "../x", connection.consent_id, foreign, elsewhere):
        assert tpp.browse(BANK, consent_id).answer()["error"] == "invalid_scope", consent_id


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "openid"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": 'code é"'}, "unsupported_response_type"),
    ],
)
def test_mistakes_are_told_to_the_client(tpp: Tpp, changes: dict[str, str], error: str) -> None:
    answer = tpp.browse(BANK, tpp.new_consent(BANK), **changes).answer()
    assert (answer["error"], answer["state"]) == (error, "s t/a?t&e")


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": REDIRECT_URI + "/"},
        {"redirect_uri": REDIRECT_URI + "?x=1"},
        {"redirect_uri": "https://evil.example/žž"},
        {"redirect_uri": ""},
        {"client_id": "nobody"},
        {"state": "x" * 5_000},
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_registered(tpp: Tpp, changes: dict[str, str]) -> None:
    browser = tpp.browse(BANK, tpp.new_consent(BANK), **changes)
    assert browser.left_for is None
    assert browser.page.status_code == 400
    assert browser.page.mimetype == "text/html"


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "scope", "state", "code_challenge"])
def test_a_parameter_given_twice_is_refused(tpp: Tpp, name: str) -> None:
    parameters = list(tpp.authorize_parameters(BANK, tpp.new_consent(BANK)).items())
    reply = tpp.http.get(f"/{BANK}/oauth2/authorize", query_string=[*parameters, (name, "again")])
    assert (reply.status_code, reply.mimetype) == (400, "text/html")


def test_only_fingerprints_are_stored(tpp: Tpp, database: firestore.Client) -> None:
    browser = tpp.browse(BANK, tpp.new_consent(BANK))
    browser.sign_in("ana")
    browser.submit(account=browser.accounts(), decision="approve")
    tokens = tpp.exchange(BANK, browser.answer()["code"]).get_json()
    tpp.refresh(BANK, tokens["refresh_token"])
    stored = "".join(
        f"{document.id} {document.to_dict()}"
        for collection in database.collections()
        for document in collection.stream()
    )
    fingerprint: Callable[[str], str] = lambda text: hashlib.sha256(text.encode()).hexdigest()  # noqa: E731
    assert fingerprint(tokens["access_token"]) in stored
    for prefix in ("sbat_", "sbrt_", "sbac_", "sbsc_", "tok-secret"):
        assert prefix not in stored
