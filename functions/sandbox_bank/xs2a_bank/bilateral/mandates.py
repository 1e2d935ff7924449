"""Mandates: what the standard calls consents."""

from __future__ import annotations

from typing import Literal

import msgspec
from flask import Blueprint, Response, jsonify, request

from xs2a_bank.banks import BANKS
from xs2a_bank.berlin_group.links import metadata_url
from xs2a_bank.bilateral.formats import parse_date, write_date
from xs2a_bank.clients import authenticated_client
from xs2a_bank.consents import MAX_READS_PER_DAY, ConsentRequest, create_consent, find_consent, terminate
from xs2a_bank.context import current_context
from xs2a_bank.records import Consent, ConsentStatus
from xs2a_bank.refusals import Reason, Refusal

STATES: dict[ConsentStatus, str] = {
    "received": "NEW",
    "valid": "ACTIVE",
    "rejected": "REFUSED",
    "terminatedByTpp": "CANCELLED",
    "revokedByPsu": "CANCELLED",
    "expired": "LAPSED",
}
routes = Blueprint("bilateral_mandates", __name__, url_prefix="/<bilateral_bank:bank_id>/api/v2/mandates")


class Body(msgspec.Struct, kw_only=True, rename="camel"):
    purpose: Literal["account-information"]
    valid_to: str
    return_url: str


@routes.post("")
def create(bank_id: str) -> Response:
    context, bank = current_context(), BANKS[bank_id]
    client = authenticated_client(context, request)
    try:
        body = msgspec.json.decode(request.get_data(), type=Body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(Reason.FORMAT_ERROR, str(error)) from None
    if body.return_url not in client.redirect_uris:
        raise Refusal(Reason.FORMAT_ERROR, "returnUrl is not registered")
    valid_to = parse_date(body.valid_to, name="validTo")
    if valid_to < context.clock.now(client.id).astimezone(bank.time_zone).date():
        raise Refusal(Reason.FORMAT_ERROR, "validTo lies in the past")
    mandate = create_consent(
        context,
        bank,
        client,
        ConsentRequest(
            rights=("accounts", "balances", "transactions"),
            asked_ibans=(),
            access={},
            recurring=True,
            valid_until=valid_to,
            frequency_per_day=MAX_READS_PER_DAY,
        ),
    )
    response = jsonify(_mandate(mandate) | {"authorizationServer": metadata_url(context, bank)})
    response.status_code = 201
    return response


@routes.get("/<mandate_no>")
def read(bank_id: str, mandate_no: str) -> Response:
    context, bank = current_context(), BANKS[bank_id]
    client = authenticated_client(context, request)
    return jsonify(_mandate(find_consent(context, bank, client.id, mandate_no).record))


@routes.delete("/<mandate_no>")
def cancel(bank_id: str, mandate_no: str) -> Response:
    context, bank = current_context(), BANKS[bank_id]
    client = authenticated_client(context, request)
    terminate(context, bank, client, mandate_no)
    return jsonify(mandateNo=mandate_no, state="CANCELLED")


def _mandate(consent: Consent) -> dict[str, str]:
    return {
        "mandateNo": consent.id,
        "state": STATES[consent.status],
        "validTo": write_date(consent.valid_until),
    }
