"""The bank as a Flask application."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request

from xs2a_bank.banks import BANKS
from xs2a_bank.berlin_group import accounts, consents, headers, transactions
from xs2a_bank.bilateral import accounts as bilateral_accounts
from xs2a_bank.bilateral import mandates
from xs2a_bank.clock import Clock, MovedClock, asked_offset_seconds
from xs2a_bank.context import EXTENSION, Context, current_context
from xs2a_bank.failures import register_failures
from xs2a_bank.oauth import routes as oauth
from xs2a_bank.oauth.server import BankAuthorizationServer
from xs2a_bank.pages import assets, authorize, sca
from xs2a_bank.paths import bank_of, interface_of, register_converters
from xs2a_bank.settings import BankSettings
from xs2a_bank.store import Store

MAX_BODY_BYTES = 100_000
# A form's answer is a redirect to the TPP, which sends the browser on to its own client: browsers hold the whole
# chain against form-action, so every https address is allowed, and loopback for work on one machine.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'self' https: http://127.0.0.1:* http://localhost:*"
)


def create_app(settings: BankSettings, store: Store, clock: Clock) -> Flask:
    app = Flask(__name__, template_folder="pages/templates", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    context = Context(settings=settings, store=store, clock=MovedClock(clock))
    app.extensions[EXTENSION] = context
    app.extensions[oauth.EXTENSION] = {
        bank.id: BankAuthorizationServer(context, bank) for bank in BANKS.values()
    }
    register_converters(app)
    for routes in (
        consents.routes,
        accounts.routes,
        transactions.routes,
        mandates.routes,
        bilateral_accounts.routes,
        oauth.routes,
        authorize.routes,
        sca.routes,
        assets.routes,
    ):
        app.register_blueprint(routes)
    app.add_url_rule("/health", view_func=_health)
    register_failures(app)
    app.before_request(_check_headers)
    app.after_request(_add_headers)
    app.context_processor(_page_values)
    app.add_template_filter(_iban, "iban")
    app.add_template_filter(_money, "money")
    app.add_template_filter(_day, "day")
    return app


def _health() -> Response:
    return jsonify(status="ok")


def _check_headers() -> None:
    interface = interface_of(request.path)
    if interface == "berlin_group":
        headers.require_request_id(request)
        headers.require_json_acceptable(request)
    if interface != "pages":
        # A PSU's browser carries no offset: the pages follow the consent's.
        current_context().clock.move_to(asked_offset_seconds(request))


def _add_headers(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    match interface_of(request.path):
        case "berlin_group":
            headers.echo_request_id(request, response)
        case "pages":
            response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
            response.headers["X-Frame-Options"] = "DENY"
            response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if current_context().settings.secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def _page_values() -> dict[str, str]:
    base = urlsplit(current_context().settings.url).path
    bank = bank_of(request.path)
    folder = f"{base}/{bank.id}" if bank else base
    return {"style_url": f"{folder}/style.css", "logo_url": f"{folder}/logo.svg"}


def _iban(iban: str) -> str:
    """In groups of four, as it is printed."""
    return " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
