"""A third party and a PSU in a browser, as far as tests need them. Replies to XS2A calls are checked on the way."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from flask import Flask
from werkzeug.test import TestResponse

from tests.contract.berlin_group import load_berlin_group

BASE_URL = "http://127.0.0.1:8090"
REDIRECT_URI = "http://127.0.0.1:8080/v1/callback"
PSU_ADDRESS = "192.0.2.7"
CONSENT_BODY = {
    "access": {"allPsd2": "allAccounts"},
    "recurringIndicator": True,
    "validUntil": "9999-12-31",
    "frequencyPerDay": 4,
    "combinedServiceIndicator": False,
}


@dataclass(frozen=True, kw_only=True)
class Connection:
    bank: str
    consent_id: str
    access_token: str
    refresh_token: str


class Tpp:
    def __init__(self, app: Flask, *, client_id: str = "tok", secret: str = "tok-secret") -> None:
        self.app = app
        self.http = app.test_client()
        self.client_id = client_id
        credentials = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        self.basic = {"Authorization": f"Basic {credentials}"}
        self.verifier = secrets.token_urlsafe(48)
        self.clock_offset_seconds: int | None = None
        """Goes with every call to the bank, where it is set."""

    def xs2a(
        self, method: str, bank: str, target: str, *, checked: bool = True, **options: Any
    ) -> TestResponse:
        """`target` from /v1 on, with its query; `headers` replace the defaults, None leaves one out."""
        request_id = str(uuid4())
        headers = {"X-Request-ID": request_id, **self._clock, **options.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        reply = self.http.open(f"/{bank}{target}", method=method, headers=headers, **options)
        if checked:
            load_berlin_group().check_reply(
                method,
                urlsplit(target).path,
                status=reply.status_code,
                headers=dict(reply.headers),
                body=reply.data,
            )
            if headers.get("X-Request-ID") == request_id:
                assert reply.headers["X-Request-ID"] == request_id
        return reply

    def post_consent(self, bank: str, body: Any = CONSENT_BODY, **headers: str | None) -> TestResponse:
        given = {
            **self.basic,
            "PSU-IP-Address": PSU_ADDRESS,
            "TPP-Redirect-URI": REDIRECT_URI,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.xs2a("POST", bank, "/v1/consents", headers=given, json=body)

    def new_consent(self, bank: str, **changes: Any) -> str:
        if bank == "raiffeisen-ba":
            reply = self.http.post(
                f"/{bank}/api/v2/mandates",
                json={
                    "purpose": "account-information",
                    "validTo": "31.12.2099",
                    "returnUrl": REDIRECT_URI,
                },
                headers={**self.basic, **self._clock},
            )
            assert reply.status_code == 201, reply.text
            return str(reply.get_json()["mandateNo"])
        reply = self.post_consent(bank, {**CONSENT_BODY, **changes})
        assert reply.status_code == 201, reply.text
        return str(reply.get_json()["consentId"])

    def authorize_parameters(self, bank: str, consent_id: str, **changes: str) -> dict[str, str]:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        prefix = "mandate:" if bank == "raiffeisen-ba" else "AIS:"
        return {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": prefix + consent_id,
            "state": "s t/a?t&e",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **changes,
        }

    def browse(self, bank: str, consent_id: str, **changes: str) -> Browser:
        """A browser of its own on the first page."""
        browser = Browser(self.app)
        browser.get(f"/{bank}/oauth2/authorize", self.authorize_parameters(bank, consent_id, **changes))
        return browser

    def consented_code(self, bank: str, consent_id: str, *, person: str = "ana") -> str:
        browser = self.browse(bank, consent_id)
        browser.sign_in(person)
        browser.submit(account=browser.accounts(), decision="approve")
        return browser.answer()["code"]

    def token(self, bank: str, **form: str) -> TestResponse:
        return self.http.post(f"/{bank}/oauth2/token", data=form, headers={**self.basic, **self._clock})

    def exchange(self, bank: str, code: str, **changes: str) -> TestResponse:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": self.verifier,
        }
        return self.token(bank, **{**form, **changes})

    def refresh(self, bank: str, refresh_token: str) -> TestResponse:
        return self.token(bank, grant_type="refresh_token", refresh_token=refresh_token)

    def connect(self, bank: str, *, person: str = "ana", **consent: Any) -> Connection:
        consent_id = self.new_consent(bank, **consent)
        reply = self.exchange(bank, self.consented_code(bank, consent_id, person=person))
        assert reply.status_code == 200, reply.text
        tokens = reply.get_json()
        return Connection(
            bank=bank,
            consent_id=consent_id,
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
        )

    def renew(self, connection: Connection) -> Connection:
        """The same consent with fresh tokens."""
        reply = self.refresh(connection.bank, connection.refresh_token)
        assert reply.status_code == 200, reply.text
        tokens = reply.get_json()
        return replace(connection, access_token=tokens["access_token"], refresh_token=tokens["refresh_token"])

    def consent_status(self, connection: Connection) -> str:
        """In the bank's own words."""
        if connection.bank == "raiffeisen-ba":
            path = f"/{connection.bank}/api/v2/mandates/{connection.consent_id}"
            return str(self.http.get(path, headers={**self.basic, **self._clock}).get_json()["state"])
        path = f"/v1/consents/{connection.consent_id}/status"
        return str(self.xs2a("GET", connection.bank, path, headers=self.basic).get_json()["consentStatus"])

    @property
    def _clock(self) -> dict[str, str]:
        if self.clock_offset_seconds is None:
            return {}
        return {"Sandbox-Clock-Offset-Seconds": str(self.clock_offset_seconds)}

    def read(
        self, connection: Connection, target: str, *, attended: bool = True, checked: bool = True
    ) -> TestResponse:
        """A read of account data at a Berlin Group bank."""
        headers = {
            "Authorization": f"Bearer {connection.access_token}",
            "Consent-ID": connection.consent_id,
            "PSU-IP-Address": PSU_ADDRESS if attended else None,
        }
        return self.xs2a("GET", connection.bank, target, headers=headers, checked=checked)

    def bilateral(self, connection: Connection, target: str, *, attended: bool = False) -> TestResponse:
        headers = {
            "Authorization": f"Bearer {connection.access_token}",
            "X-Mandate-No": connection.consent_id,
            **self._clock,
        }
        if attended:
            headers["PSU-IP-Address"] = PSU_ADDRESS
        return self.http.get(f"/{connection.bank}/api/v2{target}", headers=headers)


class Browser:
    """Follows redirects at the bank, and stops where one leaves it."""

    def __init__(self, app: Flask) -> None:
        self._http = app.test_client()
        self.url = ""
        self.page: TestResponse
        self.left_for: str | None = None

    def get(self, path: str, query: dict[str, str] | None = None) -> None:
        self._arrive(path, self._http.get(path, query_string=query))

    def sign_in(self, person: str) -> None:
        self.submit(username=person, password="sandbox")
        self.submit(otp="123456")

    def submit(self, **fields: Any) -> None:
        self.submit_exactly(form_token=self.form_token(), **fields)

    def submit_exactly(self, **fields: Any) -> None:
        self._arrive(self.url, self._http.post(self.url, data=fields))

    def form_token(self) -> str:
        return self._values("form_token")[0]

    def cookie(self) -> str:
        cookie = self._http.get_cookie("sandbox_bank_sca", path=self.url.rpartition("/")[0])
        assert cookie is not None
        return cookie.value

    def accounts(self) -> list[str]:
        return self._values("account")

    def answer(self) -> dict[str, str]:
        """The parameters of the authorization response."""
        assert self.left_for is not None, self.page.text
        return {name: values[0] for name, values in parse_qs(urlsplit(self.left_for).query).items()}

    def _values(self, name: str) -> list[str]:
        return [
            html.unescape(found) for found in re.findall(f'name="{name}" value="([^"]*)"', self.page.text)
        ]

    def _arrive(self, path: str, reply: TestResponse) -> None:
        self.url = path
        self.page = reply
        location = reply.headers.get("Location")
        if location is None:
            return
        if location.startswith(REDIRECT_URI):
            self.left_for = location
            return
        if location.startswith(BASE_URL):
            self.get(location.removeprefix(BASE_URL))
        else:
            self.get(f"{path.rpartition('/')[0]}/{location}")
