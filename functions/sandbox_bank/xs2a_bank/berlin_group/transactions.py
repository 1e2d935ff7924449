"""/v1/accounts/{account-id}/transactions: the list, in pages, and one transaction."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify

from xs2a_bank.access import Visit
from xs2a_bank.banks import BANKS
from xs2a_bank.berlin_group.links import link
from xs2a_bank.berlin_group.parameters import day, flag, single
from xs2a_bank.berlin_group.present import account_reference, period_balances, transaction
from xs2a_bank.berlin_group.visit import begin_read
from xs2a_bank.context import current_context
from xs2a_bank.data import gives_balances, statement
from xs2a_bank.refusals import Reason, Refusal

PAGE_ROWS = 100
_ROW_KEY = re.compile(r"[0-9]{11}")
routes = Blueprint(
    "berlin_group_transactions",
    __name__,
    url_prefix="/<xs2a_bank:bank_id>/v1/accounts/<account_id>/transactions",
)


@routes.get("")
def read_list(bank_id: str, account_id: str) -> Response:
    context, bank = current_context(), BANKS[bank_id]
    booking_status = _booking_status()
    first, last, before = _period()
    with_balance = flag("withBalance")
    visit, fault = begin_read(
        context,
        bank,
        endpoint=f"transactions/{booking_status}",
        account_id=account_id,
        right="transactions",
        counts=before is None,
    )
    if fault:
        return fault
    if before is None:
        _check_history(visit, first)
    if with_balance:
        visit.require("balances")
    account = visit.account(account_id)
    books = statement(account, now=visit.now)
    last = last or visit.today
    path = f"/v1/accounts/{account.resource_id}"
    links: dict[str, Any] = {"account": link(context, bank, path)}
    report: dict[str, Any] = {"_links": links}
    if booking_status != "pending":
        found = [row for row in reversed(books.booked) if first <= row.day <= last and visit.shows(row)]
        start = 0 if before is None else sum(row.row_key >= before for row in found)
        rows = found[start : start + PAGE_ROWS]
        report["booked"] = [
            transaction(row, booked=True, place=place) for place, row in enumerate(rows, start + 1)
        ]
        if len(found) > start + PAGE_ROWS:
            # The next page starts below a row, not at a count, so that new rows never shift it.
            query = {
                "bookingStatus": booking_status,
                "dateFrom": first.isoformat(),
                "dateTo": last.isoformat(),
                **({"withBalance": "true"} if with_balance else {}),
                "before": rows[-1].row_key,
            }
            links["next"] = link(context, bank, f"{path}/transactions?{urlencode(query)}")
    if booking_status != "booked" and before is None:
        waiting = [row for row in reversed(books.pending) if visit.shows(row)]
        report["pending"] = [
            transaction(row, booked=False, place=place) for place, row in enumerate(waiting, 1)
        ]
    body: dict[str, Any] = {"account": account_reference(account), "transactions": report}
    if with_balance and gives_balances(account):
        body["balances"] = period_balances(books, first=first, last=min(last, visit.today))
    return jsonify(body)


@routes.get("/<transaction_id>")
def read_one(bank_id: str, account_id: str, transaction_id: str) -> Response:
    context, bank = current_context(), BANKS[bank_id]
    visit, fault = begin_read(
        context,
        bank,
        endpoint=f"transactions/id/{transaction_id}",
        account_id=account_id,
        right="transactions",
    )
    if fault:
        return fault
    books = statement(visit.account(account_id), now=visit.now)
    if bank.identity == "transaction_id":
        for row in reversed(books.booked):
            if row.has_ids and row.transaction_id == transaction_id and visit.shows(row):
                _check_history(visit, row.day)
                details = transaction(row, booked=True, place=1)
                return jsonify(transactionsDetails={"transactionDetails": details})
    raise Refusal(Reason.RESOURCE_UNKNOWN, "the transaction is not known")


def _booking_status() -> str:
    value = single("bookingStatus")
    if value in ("information", "all"):
        raise Refusal(
            Reason.PARAMETER_NOT_SUPPORTED, f"bookingStatus {value} is not offered", path="bookingStatus"
        )
    if value not in ("booked", "pending", "both"):
        raise Refusal(
            Reason.FORMAT_ERROR, "bookingStatus must be booked, pending or both", path="bookingStatus"
        )
    for name in ("entryReferenceFrom", "deltaList"):
        if single(name) is not None:
            raise Refusal(Reason.PARAMETER_NOT_SUPPORTED, f"{name} is not offered", path=name)
    return value


def _period() -> tuple[date, date | None, str | None]:
    """(first day, last day, the row that this page continues after)"""
    first, last, before = day("dateFrom"), day("dateTo"), single("before")
    if first is None:
        raise Refusal(Reason.FORMAT_ERROR, "dateFrom is required", path="dateFrom")
    if last is not None and last < first:
        raise Refusal(Reason.PERIOD_INVALID, "dateTo lies before dateFrom", path="dateTo")
    if before is not None and not _ROW_KEY.fullmatch(before):
        raise Refusal(Reason.FORMAT_ERROR, "follow the links as they are given", path="before")
    return first, last, before


def _check_history(visit: Visit, first: date) -> None:
    if first < visit.history_from:
        raise Refusal(
            Reason.PERIOD_INVALID, f"the history reaches back to {visit.history_from}", path="dateFrom"
        )
