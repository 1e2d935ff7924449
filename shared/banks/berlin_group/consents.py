"""Consents: bank-offered and recurring, so that the PSU chooses the accounts on the bank's own pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from shared.banks.berlin_group.api import BerlinGroupApi
from shared.banks.values import Malformed, identifier, local_date, mapping, sensible
from shared.domain.bank_data import BankConsentState
from shared.domain.errors import BankAccessLost, BankRefused, BankTimeout, BankUnavailable

_STATES: dict[str, BankConsentState] = {
    "received": "pending",
    "partiallyAuthorised": "pending",
    "valid": "valid",
    "rejected": "rejected",
    "expired": "expired",
    "revokedByPsu": "revoked",
    "terminatedByTpp": "revoked",
}


class CreatedConsent(NamedTuple):
    id: str
    oauth_metadata_url: str | None


def create(
    api: BerlinGroupApi, *, redirect_uri: str, valid_until: date, psu_ip_address: str
) -> CreatedConsent:
    url = api.url("consents")
    body = api.as_partner(
        "POST",
        url,
        headers={
            "PSU-IP-Address": psu_ip_address,
            "TPP-Redirect-URI": redirect_uri,
            "TPP-Redirect-Preferred": "true",
        },
        json={
            "access": {"accounts": [], "balances": [], "transactions": []},
            "recurringIndicator": True,
            "validUntil": valid_until.isoformat(),
            "frequencyPerDay": api.profile.unattended_reads_per_day,
            "combinedServiceIndicator": False,
        },
    )
    with sensible(api.profile.id):
        consent = mapping(body, "consent")
        consent_id = identifier(consent.get("consentId"))
        if consent_id is None:
            raise Malformed("consentId")
        href = link_href(consent, "scaOAuth")
    if _state(api, consent) not in ("pending", "valid"):
        raise BankRefused(api.profile.id, "The bank rejected the consent.")
    return CreatedConsent(consent_id, href and api.link(href, request_url=url))


def valid_until(api: BerlinGroupApi, consent_id: str) -> date | None:
    """As the bank granted it, which may be shorter than asked; None when it does not say.

    The consent exists by now, and can be authorised whether or not this read works.
    """
    try:
        body = api.as_partner("GET", api.url("consents", consent_id))
    except (BankRefused, BankTimeout, BankUnavailable):
        return None
    with sensible(api.profile.id):
        return local_date(mapping(body, "consent").get("validUntil"), api.profile.time_zone)


def state(api: BerlinGroupApi, consent_id: str) -> BankConsentState:
    try:
        body = api.as_partner("GET", api.url("consents", consent_id, "status"))
    except BankAccessLost as lost:
        return "expired" if lost.reason == "expired" else "revoked"
    with sensible(api.profile.id):
        return _state(api, mapping(body, "consent"))


def delete(api: BerlinGroupApi, consent_id: str) -> None:
    try:
        api.as_partner("DELETE", api.url("consents", consent_id), may_be_absent=True)
    except BankAccessLost:
        return  # it has ended already: what was wanted


def link_href(body: Mapping[str, Any], name: str) -> str | None:
    """`_links.<name>` as `{"href": …}`, or as the bare string that some banks send."""
    links = body.get("_links")
    link = links.get(name) if isinstance(links, dict) else None
    href = link.get("href") if isinstance(link, dict) else link
    return href if isinstance(href, str) and href else None


def _state(api: BerlinGroupApi, consent: Mapping[str, Any]) -> BankConsentState:
    told = consent.get("consentStatus")
    known = {**_STATES, **api.profile.consent_states}
    if not isinstance(told, str) or told not in known:
        raise BankUnavailable(api.profile.id, "The bank gave a consent state that is not known.")
    return known[told]
