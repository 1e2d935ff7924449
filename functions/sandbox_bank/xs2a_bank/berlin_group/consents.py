"""/v1/consents and its authorisations. Only the TPP that made a consent sees it."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from xs2a_bank.banks import BANKS, Bank
from xs2a_bank.berlin_group.consent_body import parse_consent_body
from xs2a_bank.berlin_group.headers import psu_present
from xs2a_bank.berlin_group.links import link, metadata_link
from xs2a_bank.clients import authenticated_client
from xs2a_bank.consents import create_consent, find_consent, terminate
from xs2a_bank.context import Context, current_context
from xs2a_bank.data import accounts_of
from xs2a_bank.records import Consent
from xs2a_bank.refusals import Reason, Refusal

routes = Blueprint("berlin_group_consents", __name__, url_prefix="/<xs2a_bank:bank_id>/v1/consents")


@routes.post("")
def create(bank_id: str) -> Response:
    context, bank = current_context(), BANKS[bank_id]
    client = authenticated_client(context, request)
    if not psu_present(request):
        raise Refusal(Reason.FORMAT_ERROR, "PSU-IP-Address is required", path="PSU-IP-Address")
    if request.headers.get("TPP-Redirect-URI", "") not in client.redirect_uris:
        raise Refusal(
            Reason.FORMAT_ERROR, "TPP-Redirect-URI must be a registered URI", path="TPP-Redirect-URI"
        )
    if request.mimetype != "application/json":
        raise Refusal(Reason.MEDIA_TYPE, "the body must be application/json")
    today = context.clock.now(client.id).astimezone(bank.time_zone).date()
    consent = create_consent(context, bank, client, parse_consent_body(request.get_data(), today=today))
    response = jsonify(
        consentStatus=consent.status,
        consentId=consent.id,
        _links={
            "scaOAuth": metadata_link(context, bank),
            "self": link(context, bank, f"/v1/consents/{consent.id}"),
            "status": link(context, bank, f"/v1/consents/{consent.id}/status"),
            "scaStatus": _authorisation_link(context, bank, consent),
        },
    )
    response.status_code = 201
    response.headers["Location"] = f"{context.settings.url}/{bank.id}/v1/consents/{consent.id}"
    response.headers["ASPSP-SCA-Approach"] = "REDIRECT"
    response.headers["ASPSP-Multiple-Consent-Support"] = "true"
    return response


@routes.get("/<consent_id>")
def read(bank_id: str, consent_id: str) -> Response:
    context, bank, consent = _own(bank_id, consent_id)
    body: dict[str, object] = {
        "access": _access(bank, consent),
        "recurringIndicator": consent.recurring,
        "validUntil": consent.valid_until.isoformat(),
        "frequencyPerDay": consent.frequency_per_day,
        "lastActionDate": consent.last_action_on.isoformat(),
        "consentStatus": consent.status,
    }
    if consent.status == "valid":
        body["_links"] = {"account": link(context, bank, "/v1/accounts")}
    return jsonify(body)


@routes.delete("/<consent_id>")
def delete(bank_id: str, consent_id: str) -> Response:
    context, bank = current_context(), BANKS[bank_id]
    terminate(context, bank, authenticated_client(context, request), consent_id)
    return Response(status=204)


@routes.get("/<consent_id>/status")
def status(bank_id: str, consent_id: str) -> Response:
    _, _, consent = _own(bank_id, consent_id)
    return jsonify(consentStatus=consent.status)


@routes.get("/<consent_id>/authorisations")
def authorisations(bank_id: str, consent_id: str) -> Response:
    _, _, consent = _own(bank_id, consent_id)
    return jsonify(authorisationIds=[consent.authorisation_id])


@routes.post("/<consent_id>/authorisations")
def start_authorisation(bank_id: str, consent_id: str) -> Response:
    """The bank opened the authorisation with the consent; asking for it again answers that one."""
    context, bank, consent = _own(bank_id, consent_id)
    if consent.status != "received":
        raise Refusal(Reason.STATUS_INVALID, f"the consent is {consent.status}")
    response = jsonify(
        scaStatus=consent.sca_status,
        authorisationId=consent.authorisation_id,
        _links={
            "scaOAuth": metadata_link(context, bank),
            "scaStatus": _authorisation_link(context, bank, consent),
        },
    )
    response.status_code = 201
    response.headers["ASPSP-SCA-Approach"] = "REDIRECT"
    return response


@routes.get("/<consent_id>/authorisations/<authorisation_id>")
def authorisation(bank_id: str, consent_id: str, authorisation_id: str) -> Response:
    _, _, consent = _own(bank_id, consent_id)
    if authorisation_id != consent.authorisation_id:
        raise Refusal(Reason.RESOURCE_UNKNOWN, "the authorisation is not known")
    return jsonify(scaStatus=consent.sca_status)


def _own(bank_id: str, consent_id: str) -> tuple[Context, Bank, Consent]:
    context, bank = current_context(), BANKS[bank_id]
    client = authenticated_client(context, request)
    return context, bank, find_consent(context, bank, client.id, consent_id).record


def _authorisation_link(context: Context, bank: Bank, consent: Consent) -> dict[str, str]:
    return link(context, bank, f"/v1/consents/{consent.id}/authorisations/{consent.authorisation_id}")


def _access(bank: Bank, consent: Consent) -> dict[str, object]:
    """What was asked for, until the PSU has chosen; then the very accounts."""
    if consent.person is None:
        return consent.access
    references = [
        {"iban": account.iban, "currency": account.currency}
        for account in accounts_of(bank.id, consent.person)
        if account.iban in consent.ibans
    ]
    return dict.fromkeys(consent.rights, references)
