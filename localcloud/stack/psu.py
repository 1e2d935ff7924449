"""A person at the bank's web pages: fills the forms in that the bank shows, as a browser without JavaScript would."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Literal
from urllib.parse import urljoin

import httpx

_PAGES_MAX = 15

Decision = Literal["approve", "decline"]


class PsuStuck(Exception):
    """The pages led nowhere; the message holds the last page's text."""


@dataclass(frozen=True, kw_only=True)
class Person:
    username: str = "ana"
    password: str = "sandbox"  # noqa: S105 - printed on the sandbox bank's own login page
    otp: str = "123456"


@dataclass
class Form:
    action: str
    method: str
    values: list[tuple[str, str]] = field(default_factory=list)
    """What a browser would send if nothing were changed."""
    names: set[str] = field(default_factory=set)
    choices: dict[str, list[str]] = field(default_factory=dict)
    """Checkboxes: name → every value that may be ticked."""


def walk(
    client: httpx.Client,
    start_url: str,
    *,
    until: str,
    person: Person | None = None,
    decision: Decision = "approve",
    accounts: list[str] | None = None,
) -> str:
    """From the bank's page at `start_url` to the first redirect that begins with `until`, which is returned unopened.

    `accounts` are the values of the `account` checkboxes to tick; None ticks them all. `client` must not follow
    redirects by itself. Raises PsuStuck.
    """
    person = person or Person()
    reply = client.get(start_url)
    for _ in range(_PAGES_MAX):
        while reply.is_redirect:
            target = urljoin(str(reply.url), reply.headers["location"])
            if target.startswith(until):
                return target
            reply = client.get(target)
        page = parse(reply.text)
        if not page.forms:
            raise PsuStuck(f"{reply.status_code} from {reply.url.copy_with(query=None)}: {page.text}")
        form = _choose(page.forms)
        answers = {
            "username": person.username,
            "password": person.password,
            "otp": person.otp,
            "decision": decision,
        }
        reply = _submit(client, reply, form, answers=answers, accounts=accounts)
    raise PsuStuck(f"no end after {_PAGES_MAX} pages: {parse(reply.text).text}")


def _choose(forms: list[Form]) -> Form:
    """The one that asks for something; a page may have others (cancel, language)."""
    asked = {"username", "password", "otp", "decision"}
    return next((form for form in forms if form.names & asked), forms[0])


def _submit(
    client: httpx.Client,
    page: httpx.Response,
    form: Form,
    *,
    answers: dict[str, str],
    accounts: list[str] | None,
) -> httpx.Response:
    replaced = {name for name in answers if name in form.names}
    if "account" in form.choices:
        replaced.add("account")
    data: dict[str, list[str]] = {}
    for name, value in form.values:
        if name not in replaced:
            data.setdefault(name, []).append(value)
    for name in replaced - {"account"}:
        data[name] = [answers[name]]
    if "account" in replaced:
        data["account"] = form.choices["account"] if accounts is None else accounts
    target = urljoin(str(page.url), form.action)
    if form.method == "get":
        return client.get(target, params=data)
    return client.post(target, data=data)


@dataclass
class Page:
    forms: list[Form]
    text: str


def parse(html: str) -> Page:
    parser = _FormParser()
    parser.feed(html)
    parser.close()
    return Page(forms=parser.forms, text=" ".join(" ".join(parser.words).split())[:500])


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []
        self._form: Form | None = None
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag in ("style", "script"):
            self._silent = True
        elif tag == "form":
            self._form = Form(
                action=attributes.get("action", ""), method=attributes.get("method", "get").lower()
            )
            self.forms.append(self._form)
        elif tag in ("input", "button", "select", "textarea") and self._form is not None:
            self._control(self._form, tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag in ("style", "script"):
            self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)

    @staticmethod
    def _control(form: Form, tag: str, attributes: dict[str, str]) -> None:
        name = attributes.get("name")
        if not name or "disabled" in attributes:
            return
        form.names.add(name)
        kind = attributes.get("type", "submit" if tag == "button" else "text").lower()
        value = attributes.get("value", "on" if kind in ("checkbox", "radio") else "")
        if kind == "checkbox":
            form.choices.setdefault(name, []).append(value)
        if kind not in ("submit", "button", "checkbox", "radio") or "checked" in attributes:
            form.values.append((name, value))
