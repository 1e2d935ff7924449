"""A person connects their bank in a real browser, with scripts switched off, on a desk's screen and on a telephone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.contract.openapi import ContractClient
from tests.e2e import books, reading
from tests.e2e.callback_page import CallbackPage, callback_page
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.browser]

CLIENT_STATE = "order 4711/č&?="
DESK, TELEPHONE = (1280, 800), (390, 844)
_TIMEOUT_MS = 60_000
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip(
            "NO BROWSER: Debian's chromium is not installed (apt-get install chromium), nothing was driven"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def listener() -> Iterator[CallbackPage]:
    with callback_page() as page:
        yield page


@dataclass
class Psu:
    """A person at their browser, and everything that should not have happened there."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def look(self, heading: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)
        scrolls, width = self.page.evaluate("[document.scrollingElement.scrollWidth, window.innerWidth]")
        assert scrolls <= width, f"{heading!r} must be scrolled sideways: {scrolls} in {width}"

    def sign_in(self, *, username: str = "ana") -> None:
        self.look("Sign in")
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill("sandbox")
        self.page.get_by_role("button", name="Continue").click()

    def enter_code(self) -> None:
        self.look("Enter the code")
        self.page.get_by_label("One-time code").fill("123456")
        self.page.get_by_role("button", name="Continue").click()

    def require_nothing_odd(self, *allowed: str) -> None:
        assert self.complaints == []
        assert self.hosts == {urlsplit(url).netloc for url in allowed}


@contextmanager
def psu(browser: Browser, *, size: tuple[int, int]) -> Iterator[Psu]:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, java_script_enabled=False, locale="en-GB"
    )
    context.set_default_timeout(_TIMEOUT_MS)
    expect.set_options(timeout=_TIMEOUT_MS)
    person = Psu(context.new_page())
    person.page.on("console", lambda message: person.complaints.append(f"console: {message.text}"))
    person.page.on("pageerror", lambda error: person.complaints.append(f"script: {error}"))
    person.page.on("requestfailed", lambda request: person.complaints.append(f"failed: {request.url}"))
    context.on("request", lambda request: person.hosts.add(urlsplit(request.url).netloc))
    try:
        yield person
    finally:
        context.close()


@pytest.mark.parametrize(
    ("bank_id", "size"),
    [("erste-hr", DESK), ("raiffeisen-ba", TELEPHONE)],
    ids=["erste-hr at a desk", "raiffeisen-ba on a telephone"],
)
def test_who_unticks_an_account_and_allows_the_rest_is_connected(
    stack: Stack,
    api_key: str,
    client: ContractClient,
    browser: Browser,
    listener: CallbackPage,
    bank_id: str,
    size: tuple[int, int],
) -> None:
    started = client.post(
        "/consents", json={"bankId": bank_id, "callbackUrl": listener.url, "state": CLIENT_STATE}
    ).json()
    owned = books.accounts_by_iban(bank_id, "ana")
    kept_back, *allowed = owned

    with psu(browser, size=size) as person:
        person.page.goto(started["redirectUrl"])
        person.sign_in()
        person.enter_code()
        person.look("Give Tok access?")
        for account in owned.values():
            expect(person.page.get_by_text(account.product, exact=True)).to_be_visible()
        person.page.locator(f'input[name="account"][value="{kept_back}"]').uncheck()
        person.page.get_by_role("button", name="Allow").click()
        expect(person.page.locator("#done")).to_be_visible()
        person.require_nothing_odd(stack.bank_url, stack.gateway_url, listener.url)

    assert listener.visits == [{"consentId": started["id"], "status": "active", "state": CLIENT_STATE}]
    stack.wait_synced(api_key, started["id"])
    connected = {account["iban"]: account for account in reading.accounts_of_consent(client, started["id"])}
    assert set(connected) == set(allowed)
    for iban in allowed:
        assert reading.require_books(client, connected[iban], owned[iban], limit=500)


@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
def test_who_declines_is_sent_back_with_the_reason(
    stack: Stack, client: ContractClient, browser: Browser, listener: CallbackPage, size: tuple[int, int]
) -> None:
    started = client.post("/consents", json={"bankId": "nlb-si", "callbackUrl": listener.url}).json()

    with psu(browser, size=size) as person:
        person.page.goto(started["redirectUrl"])
        person.sign_in()
        person.enter_code()
        person.look("Give Tok access?")
        person.page.get_by_role("button", name="Decline").click()
        expect(person.page.locator("#done")).to_be_visible()
        person.require_nothing_odd(stack.bank_url, stack.gateway_url, listener.url)

    assert listener.visits == [{"consentId": started["id"], "status": "error", "code": "PSU_DECLINED"}]
    consent = client.get(f"/consents/{started['id']}").json()
    assert (consent["status"], consent["error"]["code"]) == ("error", "PSU_DECLINED")
    assert client.get("/accounts").json()["data"] == []


def test_a_mistyped_password_is_told_and_the_second_try_works(
    client: ContractClient, browser: Browser, listener: CallbackPage
) -> None:
    started = client.post("/consents", json={"bankId": "intesa-rs", "callbackUrl": listener.url}).json()

    with psu(browser, size=TELEPHONE) as person:
        person.page.goto(started["redirectUrl"])
        person.look("Sign in")
        person.page.get_by_label("User name").fill("ana")
        person.page.get_by_label("Password").fill("sandbax")
        person.page.get_by_role("button", name="Continue").click()
        expect(person.page.get_by_role("alert")).to_have_text("The user name or the password is wrong.")
        person.sign_in()
        person.enter_code()
        person.look("Give Tok access?")
        person.page.get_by_role("button", name="Allow").click()
        expect(person.page.locator("#done")).to_be_visible()

    assert listener.visits == [{"consentId": started["id"], "status": "active"}]
