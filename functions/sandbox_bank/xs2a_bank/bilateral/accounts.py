"""Accounts and their entries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flask import Blueprint, Response, jsonify, request

from xs2a_bank.access import Visit, open_visit
from xs2a_bank.banks import BANKS, Bank
from xs2a_bank.berlin_group.headers import psu_present
from xs2a_bank.berlin_group.parameters import single
from xs2a_bank.bilateral.formats import parse_date
from xs2a_bank.bilateral.present import account_item, entry
from xs2a_bank.context import Context, current_context
from xs2a_bank.data import Account, Movement, statement
from xs2a_bank.faults import happen
from xs2a_bank.reads import count_unattended_read
from xs2a_bank.refusals import Reason, Refusal

MAX_PAGE_ROWS = 100
MAX_PAGE = 100_000
routes = Blueprint("bilateral_accounts", __name__, url_prefix="/<bilateral_bank:bank_id>/api/v2/accounts")


@routes.get("")
def read_list(bank_id: str) -> Response:
    context, bank = current_context(), BANKS[bank_id]
    visit, fault = _begin(context, bank, endpoint="accounts")
    if fault:
        return fault
    _count(context, visit, "accounts")
    return jsonify(
        items=[account_item(a, statement(a, now=visit.now), now=visit.now) for a in visit.accounts]
    )


@routes.get("/<account_no>/entries")
def read_entries(bank_id: str, account_no: str) -> Response:
    context, bank = current_context(), BANKS[bank_id]
    state = single("state") or "BOOKED"
    if state not in ("BOOKED", "RESERVED"):
        raise Refusal(Reason.FORMAT_ERROR, "state must be BOOKED or RESERVED")
    first, last = _day("from"), _day("to")
    if last < first:
        raise Refusal(Reason.FORMAT_ERROR, "to lies before from")
    page = _number("page", default=1, most=MAX_PAGE)
    size = _number("size", default=MAX_PAGE_ROWS, most=MAX_PAGE_ROWS)
    visit, fault = _begin(context, bank, endpoint="entries")
    if fault:
        return fault
    account = _account(visit, account_no)
    if page == 1:
        if first < visit.history_from and state == "BOOKED":
            raise Refusal(Reason.PERIOD_INVALID, f"entries reach back to {visit.history_from:%d.%m.%Y}")
        _count(context, visit, f"entries/{state}/{account_no}")
    books = statement(account, now=visit.now)
    rows: Sequence[Movement] = books.booked if state == "BOOKED" else books.pending
    found = [row for row in reversed(rows) if first <= row.day <= last and visit.shows(row)]
    start = (page - 1) * size
    shown = found[start : start + size]
    return jsonify(
        page=page,
        pages=-(-len(found) // size),
        total=len(found),
        entries=[
            entry(row, booked=state == "BOOKED", place=place) for place, row in enumerate(shown, start + 1)
        ],
    )


def _begin(context: Context, bank: Bank, *, endpoint: str) -> tuple[Visit, Response | None]:
    mandate_no = request.headers.get("X-Mandate-No")
    if not mandate_no:
        raise Refusal(Reason.FORMAT_ERROR, "X-Mandate-No is required")
    visit = open_visit(context, bank, request, consent_id=mandate_no)
    return visit, happen(
        context, bank, visit.stored_consent, visit.person.fault, endpoint=endpoint, now=visit.now
    )


def _count(context: Context, visit: Visit, endpoint: str) -> None:
    """The client is taken as present right after the mandate was given, and where it says so."""
    if not visit.just_authenticated and not psu_present(request):
        count_unattended_read(context, visit.consent, endpoint, now=visit.now)


def _account(visit: Visit, account_no: str) -> Account:
    for account in visit.accounts:
        if account.iban == account_no:
            return account
    raise Refusal(Reason.RESOURCE_UNKNOWN, "the account is not known or not part of the mandate")


def _day(name: str) -> date:
    value = single(name)
    if value is None:
        raise Refusal(Reason.FORMAT_ERROR, f"{name} is required")
    return parse_date(value, name=name)


def _number(name: str, *, default: int, most: int) -> int:
    value = single(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 9 or not 1 <= int(value) <= most:
        raise Refusal(Reason.FORMAT_ERROR, f"{name} must be a number from 1 to {most}")
    return int(value)
