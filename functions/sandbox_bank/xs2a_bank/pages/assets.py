"""What the pages and the platform show of a bank: style and logo. The front page lists the banks."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

from xs2a_bank.banks import BANKS
from xs2a_bank.people import PEOPLE

CACHED = "public, max-age=3600"
routes = Blueprint("assets", __name__)


@routes.get("/")
def front_page() -> Response:
    return make_response(
        render_template("front.html", bank=None, banks=BANKS.values(), people=PEOPLE.values())
    )


@routes.get("/<bank:bank_id>/style.css")
def style(bank_id: str) -> Response:
    return _cached(render_template("style.css", colour=BANKS[bank_id].colour), "text/css")


@routes.get("/style.css")
def plain_style() -> Response:
    return _cached(render_template("style.css", colour="#33414e"), "text/css")


@routes.get("/<bank:bank_id>/logo.svg")
def logo(bank_id: str) -> Response:
    return _cached(render_template("logo.svg", bank=BANKS[bank_id]), "image/svg+xml")


def _cached(text: str, media_type: str) -> Response:
    response = Response(text, mimetype=media_type)
    response.headers["Cache-Control"] = CACHED
    return response
