"""The account report, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from shared.banks import values
from shared.banks.berlin_group import normalise
from shared.banks.berlin_group.api import BerlinGroupApi
from shared.banks.berlin_group.consents import link_href
from shared.banks.values import Malformed
from shared.domain.bank_data import BankAccess, BankAccount, BookingStatus, TransactionsPage
from shared.domain.errors import BankUnavailable

_NOTHING = TransactionsPage(transactions=(), next_page=None)


def read_page(
    api: BerlinGroupApi,
    access: BankAccess,
    account: BankAccount,
    *,
    status: BookingStatus,
    date_from: date,
    date_to: date | None,
    page: str | None,
) -> TransactionsPage:
    asked = _booking_status(api, status)
    if asked is None:
        return _NOTHING
    url = api.url("accounts", account.resource_id, "transactions")
    params = {"bookingStatus": asked, "dateFrom": date_from.isoformat()}
    if date_to is not None:
        params["dateTo"] = date_to.isoformat()
    number = 1
    if api.profile.paging == "page_number":
        number = int(page) if page is not None else 1
        body = api.as_psu(
            url, access, params={**params, "page": str(number), "limit": str(api.profile.page_size)}
        )
    elif page is not None:
        url = api.on_bank(page)
        body = api.as_psu(url, access)
    else:
        body = api.as_psu(url, access, params=params)
    with values.sensible(api.profile.id):
        report = _report(body)
        entries = _entries(report, status)
    found = tuple(
        normalise.transaction(entry, profile=api.profile, account=account, status=status) for entry in entries
    )
    if api.profile.paging == "page_number":
        return TransactionsPage(
            transactions=found, next_page=str(number + 1) if len(found) >= api.profile.page_size else None
        )
    return TransactionsPage(transactions=found, next_page=_next(api, body, report, url=url))


def _booking_status(api: BerlinGroupApi, status: BookingStatus) -> str | None:
    """None where this bank has no such list."""
    if status in api.profile.booking_statuses:
        return status
    return "both" if "both" in api.profile.booking_statuses else None


def _report(body: Any) -> Mapping[str, Any]:
    answer = values.mapping(body, "transactions")
    if "transactions" not in answer and link_href(answer, "download"):
        raise Malformed("a file to download in place of transactions")
    return values.mapping(answer.get("transactions"), "transactions")


def _entries(report: Mapping[str, Any], status: BookingStatus) -> list[Any]:
    """The standard lets a bank leave an empty list out."""
    listed = report.get(status)
    return [] if listed is None else values.sequence(listed, f"transactions.{status}")


def _next(api: BerlinGroupApi, body: Mapping[str, Any], report: Mapping[str, Any], *, url: str) -> str | None:
    """Path and query alone: a page that is asked for later goes to wherever the bank then is."""
    href = link_href(report, "next") or link_href(body, "next")
    if href is None:
        return None
    following = api.link(href, request_url=url)
    if following == url:
        raise BankUnavailable(api.profile.id, "The bank's next page is the same page again.")
    parts = urlsplit(following)
    return urlunsplit(parts._replace(scheme="", netloc=""))
