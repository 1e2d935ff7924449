"""What is known of a bank, as data. Code branches on these rules, never on a bank's id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from shared.domain.bank_data import BankConsentState
from shared.domain.banks import Feature
from shared.settings import Environment

SignRule = Literal["signed", "unsigned", "inverted"]
"""signed: minus is outbound. unsigned: the presence of creditor* or debtor* tells. inverted: minus is inbound."""
BookingStatusQuery = Literal["booked", "pending", "both"]


class BankProfile(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    country: str
    """ISO 3166-1 alpha-2."""
    bic: str

    base_urls: Mapping[Environment, str]
    """Without the version. `{sandbox}` stands for the sandbox bank's URL. An environment not named is not served."""
    issuers: Mapping[Environment, str]
    """The authorization server's identifier (RFC 8414); its metadata must name exactly this one."""
    api_path: str = "/v1"
    headers: Mapping[str, str] = {}
    """Sent with every call, beside those of the standard."""

    sca_mode: Literal["oauth", "oauth_unlinked"] = "oauth"
    """oauth_unlinked: the bank leaves `_links.scaOAuth` out, and the issuer's metadata is used."""
    scope_template: str = "AIS:{consent}"
    authorise_parameters: Mapping[str, str] = {}
    """RFC 6749 parameter name → this bank's spelling, where it differs."""
    partner_auth: Literal["basic", "certificate"] = "certificate"
    """How we show who we are where no PSU's token does: HTTP Basic with the client credentials, or mTLS."""
    consent_states: Mapping[str, BankConsentState] = {}
    """The bank's own consent states, beside the standard's."""

    booking_statuses: tuple[BookingStatusQuery, ...] = ("booked", "pending")
    unattended_reads_per_day: int = 4
    history_days: int = 730
    consent_days: int = 90
    paging: Literal["next_link", "page_number"] = "next_link"
    page_size: int = 100
    """Only for page_number."""
    link_base: Literal["request", "api"] = "request"
    """What a relative link is relative to: the request's URL (RFC 3986), or the API's base URL."""

    sign_rule: SignRule = "signed"
    pending_sign_rule: SignRule | None = None
    """Where pending entries differ from booked ones."""
    id_fields: tuple[str, ...] = ("transactionId",)
    """Where the bank's own transaction id is, best first; empty when none can be trusted."""
    booking_date_fields: tuple[str, ...] = ("bookingDate", "valueDate")
    """The first that holds a date is the booking date of a booked entry."""
    payee_fields: tuple[str, ...] = ()
    """Where the counterparty's name hides when creditorName and debtorName are absent."""
    time_zone: str

    connect_timeout_seconds: float = 5.0
    timeout_seconds: float = 20.0
    """For a whole call."""

    features: tuple[Feature, ...]

    def sign_rule_for(self, status: Literal["booked", "pending"]) -> SignRule:
        if status == "pending" and self.pending_sign_rule is not None:
            return self.pending_sign_rule
        return self.sign_rule


class BankSetup(msgspec.Struct, frozen=True, kw_only=True):
    """A profile in one environment, with our registration at that bank."""

    profile: BankProfile
    base_url: str
    issuer: str
    client_id: str
    client_secret: str
    timeout_seconds: float
    clock_offset_seconds: int = 0
    """How far the organisation is ahead, in the sandbox."""

    def __repr__(self) -> str:
        return f"BankSetup({self.profile.id!r}, {self.base_url!r})"
