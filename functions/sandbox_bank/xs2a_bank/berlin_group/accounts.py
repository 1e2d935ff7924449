"""/v1/accounts: the list, one account, its balances."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from xs2a_bank.access import Visit
from xs2a_bank.banks import BANKS
from xs2a_bank.berlin_group.links import link
from xs2a_bank.berlin_group.parameters import flag
from xs2a_bank.berlin_group.present import account_details, account_reference, balances
from xs2a_bank.berlin_group.visit import begin_read
from xs2a_bank.context import Context, current_context
from xs2a_bank.data import Account, gives_balances, statement

routes = Blueprint("berlin_group_accounts", __name__, url_prefix="/<xs2a_bank:bank_id>/v1/accounts")


@routes.get("")
def read_list(bank_id: str) -> Response:
    context = current_context()
    with_balance = flag("withBalance")
    visit, fault = begin_read(context, BANKS[bank_id], endpoint="accounts")
    if fault:
        return fault
    if with_balance:
        visit.require("balances")
    return jsonify(
        accounts=[_details(context, visit, account, with_balance=with_balance) for account in visit.accounts]
    )


@routes.get("/<account_id>")
def read_account(bank_id: str, account_id: str) -> Response:
    context = current_context()
    with_balance = flag("withBalance")
    visit, fault = begin_read(context, BANKS[bank_id], endpoint="account", account_id=account_id)
    if fault:
        return fault
    if with_balance:
        visit.require("balances")
    account = visit.account(account_id)
    return jsonify(account=_details(context, visit, account, with_balance=with_balance))


@routes.get("/<account_id>/balances")
def read_balances(bank_id: str, account_id: str) -> Response:
    context = current_context()
    visit, fault = begin_read(
        context, BANKS[bank_id], endpoint="balances", account_id=account_id, right="balances"
    )
    if fault:
        return fault
    account = visit.account(account_id)
    books = statement(account, now=visit.now)
    return jsonify(account=account_reference(account), balances=balances(books, now=visit.now))


def _details(context: Context, visit: Visit, account: Account, *, with_balance: bool) -> dict[str, Any]:
    found = account_details(account)
    if with_balance and gives_balances(account):
        found["balances"] = balances(statement(account, now=visit.now), now=visit.now)
    path = f"/v1/accounts/{account.resource_id}"
    found["_links"] = {
        right: link(context, visit.bank, f"{path}/{right}")
        for right in ("balances", "transactions")
        if right in visit.consent.rights and (right != "balances" or gives_balances(account))
    }
    return found
