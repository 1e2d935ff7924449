"""Templates with what every page shows. Jinja escapes everything that it is given."""

from __future__ import annotations

from flask import Response, make_response, render_template

from xs2a_bank.banks import Bank

LOGIN_PAGE = "login.html"
CODE_PAGE = "code.html"
CONSENT_PAGE = "consent.html"


def page(template: str, bank: Bank, *, status: int = 200, **values: object) -> Response:
    return make_response(render_template(template, bank=bank, **values), status)


def error_page(bank: Bank | None, text: str, *, status: int) -> Response:
    return make_response(render_template("error.html", bank=bank, text=text), status)
