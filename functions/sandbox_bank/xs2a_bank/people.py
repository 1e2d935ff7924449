"""The persons of the sandbox, the same at every bank. All sign in with the same password and one-time code.

A person is one row: what they own and what goes wrong for them. To add one, add a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

PASSWORD = "sandbox"  # noqa: S105 - public on purpose: it is printed on the login page
ONE_TIME_CODE = "123456"

MANY_ACCOUNTS = ("current", "savings", "joint", "travel", "house", "car", "school", "rainy-day", "business")


class Fault(Enum):
    """What goes wrong for a person with the bank's service. `faults.py` and `consents.py` make it happen."""

    SCA_FAILS = "sca_fails"
    SLOW = "slow"
    SERVER_ERROR = "server_error"
    LIMITED = "limited"
    HTML = "html"
    GARBLED = "garbled"
    CONSENT_EXPIRED = "consent_expired"
    CONSENT_REVOKED = "consent_revoked"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - the name of a failure
    FLAKY = "flaky"
    DOWN_FOR_A_WHILE = "down_for_a_while"
    REFRESH_TIMEOUT = "refresh_timeout"
    SHORTENED = "shortened"
    EXPIRES = "expires"


class Quirk(Enum):
    """What is odd about the data that a person's accounts answer with. `data/quirks.py` has the particulars."""

    IDS_CHANGE = "ids_change"
    IDS_SHIFT = "ids_shift"
    IDS_REUSED = "ids_reused"
    IDS_MISSING = "ids_missing"
    LATE = "late"
    CORRECTED = "corrected"
    REMOVED = "removed"
    DROPPED = "dropped"
    NO_BALANCES = "no_balances"


@dataclass(frozen=True, kw_only=True)
class Person:
    username: str
    does: str
    """One line for the table on the login page."""
    accounts: tuple[str, ...] = ("current", "savings")
    fault: Fault | None = None
    quirk: Quirk | None = None
    twins_every_days: int | None = None


PEOPLE: dict[str, Person] = {
    person.username: person
    for person in (
        Person(
            username="ana",
            does="The plain one: two or three accounts, everything works",
            accounts=("current", "savings", "joint", "foreign"),
        ),
        Person(username="marko", does="Has many accounts", accounts=MANY_ACCOUNTS),
        Person(
            username="twins",
            does="Often pays the same shop the same amount twice a day",
            twins_every_days=6,
        ),
        Person(username="empty", does="Has one account without a single transaction", accounts=("empty",)),
        Person(username="declines", does="The one-time code is never accepted", fault=Fault.SCA_FAILS),
        Person(username="slow", does="Account data takes very long to arrive", fault=Fault.SLOW),
        Person(username="fails", does="Account data answers with error 500", fault=Fault.SERVER_ERROR),
        Person(
            username="limited",
            does="Account data answers 429 until an hour after signing in",
            fault=Fault.LIMITED,
        ),
        Person(username="html", does="Account data answers with a web page", fault=Fault.HTML),
        Person(username="garbled", does="Account data answers with broken JSON", fault=Fault.GARBLED),
        Person(
            username="expired", does="The consent has expired at the first read", fault=Fault.CONSENT_EXPIRED
        ),
        Person(
            username="revoked", does="The consent is withdrawn at the first read", fault=Fault.CONSENT_REVOKED
        ),
        Person(
            username="token-refused", does="The access token is never accepted", fault=Fault.TOKEN_REFUSED
        ),
        Person(
            username="flaky", does="The first read of each kind fails, later ones work", fault=Fault.FLAKY
        ),
        Person(
            username="down-for-a-while",
            does="Account data answers 503 until two hours after signing in",
            fault=Fault.DOWN_FOR_A_WHILE,
        ),
        Person(
            username="refresh-timeout",
            does="The first token refresh is answered too late, a retry works",
            fault=Fault.REFRESH_TIMEOUT,
        ),
        Person(
            username="shortened", does="The bank grants 30 days, whatever was asked", fault=Fault.SHORTENED
        ),
        Person(
            username="expires",
            does="The bank ends the consent five days after signing in",
            fault=Fault.EXPIRES,
        ),
        Person(
            username="ids-change",
            does="Booking gives a transaction another id and a longer text",
            quirk=Quirk.IDS_CHANGE,
        ),
        Person(
            username="ids-shift",
            does="A transaction’s id is its place in the list, and so changes",
            quirk=Quirk.IDS_SHIFT,
        ),
        Person(
            username="ids-reused",
            does="Now and then two transactions share one id",
            quirk=Quirk.IDS_REUSED,
        ),
        Person(
            username="ids-missing",
            does="Card payments have no ids, other transactions do",
            quirk=Quirk.IDS_MISSING,
        ),
        Person(
            username="late",
            does="Some card payments are booked three days late, under their own date",
            quirk=Quirk.LATE,
        ),
        Person(
            username="corrected",
            does="Some texts and value dates are corrected two days after booking",
            quirk=Quirk.CORRECTED,
        ),
        Person(
            username="removed",
            does="Some booked card payments are gone the next day, and balances follow",
            quirk=Quirk.REMOVED,
        ),
        Person(
            username="dropped",
            does="The day of signing in is missing for two days, balances are right",
            quirk=Quirk.DROPPED,
        ),
        Person(username="no-balances", does="The bank gives no balances", quirk=Quirk.NO_BALANCES),
    )
}
