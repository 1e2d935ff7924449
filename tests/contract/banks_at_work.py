"""The sandbox bank in this process, reached by the connectors over WSGI. Its clock, and so theirs, can be moved."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import flask
import httpx
import msgspec

from shared.banks import registry
from shared.banks.connector import BankConnector
from shared.banks.profile import BankSetup
from shared.domain.bank_data import (
    BankAccess,
    BankAccount,
    BankTokens,
    BankTransaction,
    BookingStatus,
    StartedConsent,
)
from xs2a_bank.settings import BankSettings, Client

BANK_URL = "http://127.0.0.1:8099"
REDIRECT_URI = "http://127.0.0.1:8080/v1/callback"
CLIENT_ID, CLIENT_SECRET = "tok", "a secret + with % and : signs"
PSU_IP_ADDRESS = "203.0.113.7"
NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
SETTINGS = BankSettings(
    url=BANK_URL,
    project="unused",
    database="sandbox-bank",
    clients={
        CLIENT_ID: Client(id=CLIENT_ID, secret=CLIENT_SECRET, redirect_uris=(REDIRECT_URI,), name="Tok"),
    },
)


class BankClock:
    """The bank's clock."""

    def __init__(self) -> None:
        self.current = NOON

    def now(self, client_id: str | None) -> datetime:
        return self.current

    def move(self, **by: float) -> None:
        self.current += timedelta(**by)


class OurClock:
    """Tok's clock, which goes with the bank's."""

    def __init__(self, clock: BankClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.current


@dataclass
class Wire(httpx.BaseTransport):
    """Carries each call to the bank, and keeps what was sent."""

    app: flask.Flask
    requests: list[httpx.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._transport = httpx.WSGITransport(app=self.app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        return self._transport.handle_request(request)


@dataclass
class Bank:
    """One bank of the sandbox, with our connector to it."""

    id: str
    app: flask.Flask
    clock: BankClock
    wire: Wire
    connector: BankConnector

    @classmethod
    def of(cls, bank_id: str, app: flask.Flask, clock: BankClock, *, secret: str = CLIENT_SECRET) -> Bank:
        module = next(module for module in registry._MODULES if module.PROFILE.id == bank_id)
        address = f"{BANK_URL}/{bank_id}"
        setup = BankSetup(
            profile=module.PROFILE,
            base_url=address,
            issuer=address,
            client_id=CLIENT_ID,
            client_secret=secret,
            timeout_seconds=20.0,
        )
        wire = Wire(app)
        return cls(bank_id, app, clock, wire, module.connector(setup, clock=OurClock(clock), transport=wire))

    def start(self) -> tuple[StartedConsent, str]:
        """A consent that awaits its PSU, and the PKCE verifier."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        started = self.connector.start_consent(
            redirect_uri=REDIRECT_URI,
            state=secrets.token_urlsafe(32),
            code_challenge=challenge,
            valid_until=self.clock.current.date() + timedelta(days=90),
            psu_ip_address=PSU_IP_ADDRESS,
        )
        return started, verifier

    def connect(self, person: str = "ana") -> Connection:
        started, verifier = self.start()
        callback = walk(self.app, started.authorise_url, person=person)
        assert callback["iss"] == started.issuer
        exchange = Exchange(started.bank_consent_id, callback["code"], verifier, callback["iss"])
        return Connection(self, exchange, exchange.at(self.connector))


@dataclass(frozen=True)
class Exchange:
    bank_consent_id: str
    code: str
    verifier: str
    issuer: str

    def at(self, connector: BankConnector) -> BankTokens:
        return connector.exchange(
            bank_consent_id=self.bank_consent_id,
            code=self.code,
            code_verifier=self.verifier,
            redirect_uri=REDIRECT_URI,
            issuer=self.issuer,
        )


@dataclass
class Connection:
    """A consent that its PSU has given."""

    bank: Bank
    exchange: Exchange
    tokens: BankTokens

    @property
    def consent_id(self) -> str:
        return self.exchange.bank_consent_id

    @property
    def attended(self) -> BankAccess:
        return msgspec.structs.replace(self.unattended, psu_ip_address=PSU_IP_ADDRESS)

    @property
    def unattended(self) -> BankAccess:
        return BankAccess(bank_consent_id=self.consent_id, access_token=self.tokens.access_token)

    def refresh(self) -> None:
        assert self.tokens.refresh_token is not None
        self.tokens = self.bank.connector.refresh(refresh_token=self.tokens.refresh_token)

    def read_all(
        self, account: BankAccount, *, days: int, status: BookingStatus = "booked"
    ) -> list[BankTransaction]:
        """Every page, as a first sync reads it."""
        found: list[BankTransaction] = []
        page: str | None = None
        while True:
            answer = self.bank.connector.transactions_page(
                self.attended,
                account,
                status=status,
                date_from=self.bank.clock.current.date() - timedelta(days=days),
                page=page,
            )
            found += answer.transactions
            page = answer.next_page
            if page is None:
                return found


def walk(app: flask.Flask, authorise_url: str, *, person: str, decision: str = "approve") -> dict[str, str]:
    """Signs in on the bank's pages and decides; the parameters with which the bank sends the browser back."""
    with httpx.Client(transport=httpx.WSGITransport(app=app), follow_redirects=True) as browser:
        page = browser.get(authorise_url)
        page = browser.post(page.url, data={**_hidden(page), "username": person, "password": "sandbox"})
        page = browser.post(page.url, data={**_hidden(page), "otp": "123456"})
        accounts = re.findall(r'name="account"\s+value="([^"]+)"', page.text)
        form = {**_hidden(page), "account": accounts, "decision": decision}
        answer = browser.post(page.url, data=form, follow_redirects=False)
    location = answer.headers["location"]
    assert location.startswith(REDIRECT_URI + "?")
    return dict(parse_qsl(urlsplit(location).query))


def _hidden(page: httpx.Response) -> dict[str, str]:
    """The form's hidden fields, such as its token."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page.text):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") == "hidden":
            found[attributes["name"]] = attributes.get("value", "")
    return found
