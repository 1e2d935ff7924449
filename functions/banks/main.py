"""GET /v1/banks"""

from __future__ import annotations

import re

import flask
import functions_framework
import msgspec

from shared.assembly import client_api
from shared.banks.registry import catalogue
from shared.domain.errors import Invalid
from shared.http.call import Call, Reply, json_reply
from shared.http.framework import answer_unroutable
from shared.http.paging import ListReply
from shared.settings import load_bank_settings, load_settings

_settings = load_settings()
_banks = catalogue(load_bank_settings(), _settings.environment)
api = client_api("banks", _settings)
answer_unroutable(api)

_COUNTRY = re.compile(r"[A-Z]{2}")


class ListBanks(msgspec.Struct, frozen=True, kw_only=True):
    country: str | None = None


@api.operation("GET", "/v1/banks", takes_query=True)
def list_banks(call: Call) -> Reply:
    country = call.query(ListBanks).country
    if country is not None and _COUNTRY.fullmatch(country) is None:
        raise Invalid("country", "is two capital letters (ISO 3166-1), such as HR")
    found = [bank for bank in _banks if country in (None, bank.country)]
    return json_reply(ListReply(data=found, next_cursor=None))


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
