from __future__ import annotations

import pytest
from flask import Flask

from tests.functions.sandbox_bank.conftest import MovableClock
from tests.functions.sandbox_bank.tpp import BASE_URL, Browser, Tpp
from xs2a_bank.banks import BANKS
from xs2a_bank.consents import approve, reject
from xs2a_bank.people import PEOPLE
from xs2a_bank.records import Consent
from xs2a_bank.store import Changed

BANK = "erste-hr"


def consent_status(tpp: Tpp, consent_id: str) -> str:
    reply = tpp.xs2a("GET", BANK, f"/v1/consents/{consent_id}/status", headers=tpp.basic)
    return str(reply.get_json()["consentStatus"])


@pytest.mark.parametrize("bank", BANKS)
def test_the_login_page_lists_the_persons_and_escapes_the_tpps_name(tpp: Tpp, bank: str) -> None:
    browser = tpp.browse(bank, tpp.new_consent(bank))
    page = browser.page
    assert (page.status_code, page.mimetype) == (200, "text/html")
    for person in PEOPLE:
        assert f"<code>{person}</code>" in page.text
    assert "Tok &lt;b&gt;&amp;" in page.text
    assert "<script" not in page.text


def test_pages_are_guarded(tpp: Tpp) -> None:
    headers = tpp.browse(BANK, tpp.new_consent(BANK)).page.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    parameters = tpp.authorize_parameters(BANK, tpp.new_consent(BANK))
    cookie = tpp.http.get(f"/{BANK}/oauth2/authorize", query_string=parameters).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert f"Path=/{BANK}/oauth2/sca/" in cookie


def test_wrong_passwords_are_limited(tpp: Tpp) -> None:
    consent_id = tpp.new_consent(BANK)
    browser = tpp.browse(BANK, consent_id)
    for username, password in (("ana", "wrong"), ("nobody", "sandbox"), ("", ""), ("ana", "Sandbox")):
        browser.submit(username=username, password=password)
        assert browser.page.status_code == 401
        assert "wrong" in browser.page.text
    browser.submit(username="ana", password="wrong")
    assert browser.answer()["error"] == "access_denied"
    assert consent_status(tpp, consent_id) == "rejected"


def test_wrong_codes_are_limited(tpp: Tpp) -> None:
    consent_id = tpp.new_consent(BANK)
    browser = tpp.browse(BANK, consent_id)
    browser.submit(username="ana", password="sandbox")
    for _ in range(4):
        browser.submit(otp="000000")
        assert browser.page.status_code == 401
    browser.submit(otp="000000")
    assert browser.answer()["error"] == "access_denied"
    assert consent_status(tpp, consent_id) == "rejected"


def test_declining_rejects_the_consent_and_tells_the_client(tpp: Tpp) -> None:
    consent_id = tpp.new_consent(BANK)
    browser = tpp.browse(BANK, consent_id)
    browser.sign_in("ana")
    browser.submit(decision="decline")
    answer = browser.answer()
    assert answer["error"] == "access_denied"
    assert answer["state"] == "s t/a?t&e"
    assert answer["iss"] == f"{BASE_URL}/{BANK}"
    assert "code" not in answer
    assert consent_status(tpp, consent_id) == "rejected"
    assert tpp.browse(BANK, consent_id).answer()["error"] == "invalid_scope"


def test_sca_of_declines_always_fails(tpp: Tpp) -> None:
    consent_id = tpp.new_consent(BANK)
    browser = tpp.browse(BANK, consent_id)
    browser.sign_in("declines")
    assert browser.answer()["error"] == "access_denied"
    assert consent_status(tpp, consent_id) == "rejected"


def test_the_psu_chooses_among_their_accounts_only(tpp: Tpp) -> None:
    browser = tpp.browse(BANK, tpp.new_consent(BANK))
    browser.sign_in("ana")
    assert len(browser.accounts()) == 3
    browser.submit(decision="approve")
    assert browser.page.status_code == 422
    browser.submit(account=["HR1210010051863000160"], decision="approve")
    assert browser.page.status_code == 422
    browser.submit(account=browser.accounts()[1:2])
    assert browser.page.status_code == 422
    browser.submit(account=browser.accounts()[1:2], decision="approve")
    assert "code" in browser.answer()


def test_a_consent_for_named_accounts_offers_these_alone(tpp: Tpp) -> None:
    first = tpp.browse(BANK, tpp.new_consent(BANK))
    first.sign_in("ana")
    iban = first.accounts()[1]
    access = {"accounts": [{"iban": iban}], "balances": [{"iban": iban}]}
    second = tpp.browse(BANK, tpp.new_consent(BANK, access=access))
    second.sign_in("ana")
    assert second.accounts() == [iban]
    assert "their balances" in second.page.text
    assert "their transactions" not in second.page.text
    stranger = tpp.browse(BANK, tpp.new_consent(BANK, access=access))
    stranger.sign_in("marko")
    assert stranger.accounts() == []
    stranger.submit(decision="approve")
    assert stranger.page.status_code == 422
    stranger.submit(decision="decline")
    assert stranger.answer()["error"] == "access_denied"


@pytest.mark.parametrize("token", [None, "", "0" * 64, "ž"])
def test_a_form_without_its_token_changes_nothing(tpp: Tpp, token: str | None) -> None:
    browser = tpp.browse(BANK, tpp.new_consent(BANK))
    fields = {"username": "ana", "password": "sandbox"} | ({} if token is None else {"form_token": token})
    browser.submit_exactly(**fields)
    assert browser.page.status_code == 403
    browser.get(browser.url)
    assert browser.url.endswith("/login")
    browser.sign_in("ana")
    assert browser.url.endswith("/consent")


def test_one_sessions_token_does_not_open_anothers_form(tpp: Tpp) -> None:
    mine = tpp.browse(BANK, tpp.new_consent(BANK))
    theirs = tpp.browse(BANK, tpp.new_consent(BANK))
    mine.submit_exactly(form_token=theirs.form_token(), username="ana", password="sandbox")
    assert mine.page.status_code == 403


def test_steps_cannot_be_skipped_or_repeated(tpp: Tpp) -> None:
    browser = tpp.browse(BANK, tpp.new_consent(BANK))
    folder = browser.url.rpartition("/")[0]
    token = browser.form_token()
    browser.url = f"{folder}/consent"
    browser.submit_exactly(form_token=token, decision="approve", account=["x"])
    assert browser.url == f"{folder}/login"
    browser.sign_in("ana")
    browser.get(f"{folder}/login")
    assert browser.url == f"{folder}/consent"
    browser.submit(account=browser.accounts(), decision="approve")
    browser.get(f"{folder}/consent")
    assert browser.page.status_code == 410


def test_a_session_expires(tpp: Tpp, clock: MovableClock) -> None:
    browser = tpp.browse(BANK, tpp.new_consent(BANK))
    clock.move(minutes=10)
    browser.submit(username="ana", password="sandbox")
    assert browser.page.status_code == 410
    assert "too long" in browser.page.text


def test_a_withdrawn_request_is_over(tpp: Tpp) -> None:
    consent_id = tpp.new_consent(BANK)
    browser = tpp.browse(BANK, consent_id)
    tpp.xs2a("DELETE", BANK, f"/v1/consents/{consent_id}", headers=tpp.basic)
    browser.submit(username="ana", password="sandbox")
    assert browser.page.status_code == 410


def test_of_two_sessions_for_one_consent_the_first_answer_stands(tpp: Tpp) -> None:
    consent_id = tpp.new_consent(BANK)
    first, second, third = (tpp.browse(BANK, consent_id) for _ in range(3))
    first.sign_in("ana")
    second.sign_in("marko")
    first.submit(account=first.accounts()[:1], decision="approve")
    assert "code" in first.answer()
    second.submit(account=second.accounts(), decision="approve")
    assert (second.page.status_code, second.left_for) == (410, None)
    third.submit(username="ana", password="wrong")
    assert third.page.status_code == 410
    assert consent_status(tpp, consent_id) == "valid"


@pytest.mark.parametrize("answer", ["approve", "reject"])
def test_an_answer_to_a_consent_that_changed_meanwhile_changes_nothing(
    app: Flask, tpp: Tpp, answer: str
) -> None:
    context = app.extensions["xs2a_bank"]
    consent_id = tpp.new_consent(BANK)
    stale = context.store.get(Consent, consent_id)
    tpp.consented_code(BANK, consent_id)
    if answer == "approve":
        with pytest.raises(Changed):
            approve(context, BANKS[BANK], stale, person="marko", ibans=("HR1210010051863000160",))
    else:
        reject(context, BANKS[BANK], stale)
    now = context.store.get(Consent, consent_id).record
    assert (now.status, now.person) == ("valid", "ana")


def test_without_a_session(tpp: Tpp) -> None:
    browser = Browser(tpp.app)
    for step, status in (("login", 410), ("code", 410), ("consent", 410), ("other", 404)):
        browser.get(f"/{BANK}/oauth2/sca/00000000/{step}")
        assert (browser.page.status_code, browser.page.mimetype) == (status, "text/html")


def test_a_session_of_another_bank_is_none(tpp: Tpp) -> None:
    browser = tpp.browse(BANK, tpp.new_consent(BANK))
    cookie = browser.cookie()
    tpp.http.set_cookie("sandbox_bank_sca", cookie)
    assert tpp.http.get("/nlb-si/oauth2/sca/00000000/login").status_code == 410


def test_style_logo_and_front_page(tpp: Tpp) -> None:
    front = tpp.http.get("/")
    assert front.status_code == 200
    for bank in BANKS:
        assert bank in front.text
        style = tpp.http.get(f"/{bank}/style.css")
        assert (style.mimetype, BANKS[bank].colour in style.text) == ("text/css", True)
        logo = tpp.http.get(f"/{bank}/logo.svg")
        assert (logo.mimetype, logo.text.startswith("<svg")) == ("image/svg+xml", True)
    assert tpp.http.get("/style.css").status_code == 200


@pytest.mark.parametrize("path", ["/nowhere", "/none/oauth2/authorize", "/erste-hr", "/erste-hr/x", "/%00"])
def test_a_page_that_does_not_exist(tpp: Tpp, path: str) -> None:
    reply = tpp.http.get(path)
    assert (reply.status_code, reply.mimetype) == (404, "text/html")
