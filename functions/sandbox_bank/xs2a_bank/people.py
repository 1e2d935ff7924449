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
    """What goes wrong for a person. `faults.py` makes it happen."""

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


@dataclass(frozen=True, kw_only=True)
class Person:
    username: str
    does: str
    """One line for the table on the login page."""
    accounts: tuple[str, ...] = ("current", "savings")
    fault: Fault | None = None
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
        Person(username="limited", does="Account data answers 429, try later", fault=Fault.LIMITED),
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
    )
}
