"""A bank that keeps true books and shows them badly: whatever ids, order, paging and tokens its seed gave it.

It counts unattended reads as banks do, and remembers what it would have to complain about.
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from greenlet import getcurrent

from localcloud.clock import from_us
from shared.domain.bank_data import (
    BankAccess,
    BankAccount,
    BankBalance,
    BankConsentState,
    BankTokens,
    BankTransaction,
    BookingStatus,
    StartedConsent,
    TransactionsPage,
)
from shared.domain.errors import BankAccessLost, BankRateLimited, BankTokenExpired
from tests.simulation.kernel import DAY, Kernel, Worker
from tests.simulation.ledger import ZONE, Ledger, LedgerWriter, Movement
from tests.simulation.manners import draw_manners

BANK_ID = "sim-hr"
ISSUER = "https://sim.example"
SECRET = "SIMSECRET"
"""In every token, and nowhere else: found in a document, a task or a log, it is a leak."""


@dataclass
class BankSideAccount:
    account: BankAccount
    ledger: Ledger
    reads_us: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """When the bank counted an unattended read, by what was read."""
    shown_pending: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """By consent, serials: all that its last pending list told, whichever of the pages."""
    torn: set[int] = field(default_factory=set)
    """What was booked between the two lists of one reading, and so told in both."""


@dataclass
class Grant:
    """One consent as the bank knows it."""

    bank_consent_id: str
    oauth_state: str
    state: BankConsentState = "pending"
    expires_us: int = 0
    ended_us: int = 0
    """When it was revoked, or its tokens were refused for ever."""
    generation: int = 0
    access_token: str = ""
    access_until_us: int = 0
    refresh_token: str = ""
    previous_refresh_token: str = ""
    newest_was_used: bool = True
    refused: bool = False
    """A used refresh token came again: the whole family is dead."""
    loss_was_excused: bool = False
    refreshed_by: tuple[Worker, int] | None = None


class ModelBank:
    bank_id = BANK_ID

    def __init__(
        self,
        kernel: Kernel,
        rng: random.Random,
        *,
        end_us: int,
        accounts: int,
        history_days: int,
        complain: Callable[[str, str], None],
    ) -> None:
        self._kernel = kernel
        self._rng = rng
        self._complain = complain
        self.manners = draw_manners(rng)
        self.accounts_held: list[BankSideAccount] = []
        self.grants: dict[str, Grant] = {}
        self.valid_us = 90 * DAY
        """How long the consents to come are good for."""
        self._snapshots: dict[str, list[BankTransaction]] = {}
        for number in range(accounts):
            writer = LedgerWriter(rng, self.manners.habits)
            account = BankAccount(
                resource_id=f"resource-{number}",
                iban=f"HR{rng.randrange(10**18):019d}",
                masked_identity=None,
                currency="EUR",
                name="Tekući račun",
                owner_name="Ana Anić",
                type="current",
            )
            ledger = writer.write(start_us=kernel.now_us, end_us=end_us, history_days=history_days)
            self.accounts_held.append(BankSideAccount(account, ledger))

    def start_consent(self, *, state: str) -> StartedConsent:
        """`state` is what the PSU's browser will carry back."""
        bank_consent_id = f"bank-consent-{len(self.grants) + 1}"
        self.grants[bank_consent_id] = Grant(
            bank_consent_id=bank_consent_id,
            oauth_state=state,
            expires_us=self._kernel.now_us + self.valid_us,
        )
        return StartedConsent(
            bank_consent_id=bank_consent_id,
            authorise_url=f"{ISSUER}/authorise/{bank_consent_id}",
            issuer=ISSUER,
            issuer_in_response=True,
            valid_until=None,
        )

    def exchange(self, *, bank_consent_id: str, code: str) -> BankTokens:
        grant = self.grants[bank_consent_id]
        if code != f"code-{bank_consent_id}" or grant.state != "pending":
            raise BankAccessLost(BANK_ID, "invalid_grant", reason="refused")
        grant.state = "valid"
        return self._issue(grant)

    def refresh(self, *, refresh_token: str) -> BankTokens:
        grant = self._grant_of_refresh_token(refresh_token)
        self._check_alive(grant)
        current = refresh_token == grant.refresh_token
        again = (
            self.manners.refresh == "rotating_tolerant"
            and refresh_token == grant.previous_refresh_token
            and not grant.newest_was_used
        )
        if not current and not again:
            self._refuse_family(grant)
        return self._issue(grant, replacing=refresh_token)

    def _issue(self, grant: Grant, *, replacing: str = "") -> BankTokens:
        grant.generation += 1
        mark = f"{SECRET}-{grant.bank_consent_id}-{grant.generation}"
        grant.access_token = f"access-{mark}"
        grant.access_until_us = self._kernel.now_us + self.manners.token_life_us
        if self.manners.refresh != "kept" or not grant.refresh_token:
            grant.previous_refresh_token = replacing
            grant.refresh_token = f"refresh-{mark}"
        grant.newest_was_used = False
        worker = getcurrent()
        if isinstance(worker, Worker):
            grant.refreshed_by = worker, worker.faults_before_this_call
        return BankTokens(
            access_token=grant.access_token,
            refresh_token=grant.refresh_token,
            expires_at=from_us(grant.access_until_us),
        )

    def _refuse_family(self, grant: Grant) -> None:
        """Excused is what no client can help: the process that had the newest tokens met a fault before it had
        stored them, or this very call was held up on its way."""
        worker, faults_before = grant.refreshed_by or (None, 0)
        excused = worker is not None and worker.faults > faults_before
        caller = getcurrent()
        excused = excused or (isinstance(caller, Worker) and caller.is_held_up)
        grant.refused, grant.ended_us = True, self._kernel.now_us
        grant.loss_was_excused = excused
        if not excused:
            self._complain("tokens", f"{grant.bank_consent_id}: a used refresh token was used again")
        raise BankAccessLost(BANK_ID, "invalid_grant", reason="refused")

    def _grant_of_refresh_token(self, token: str) -> Grant:
        bank_consent_id = token.removeprefix(f"refresh-{SECRET}-").rpartition("-")[0]
        return self.grants[bank_consent_id]

    def _check_alive(self, grant: Grant) -> None:
        if grant.state == "valid" and self._kernel.now_us >= grant.expires_us:
            grant.state = "expired"
        if grant.refused:
            raise BankAccessLost(BANK_ID, "TOKEN_INVALID", reason="refused")
        if grant.state == "expired":
            raise BankAccessLost(BANK_ID, "CONSENT_EXPIRED", reason="expired")
        if grant.state != "valid":
            raise BankAccessLost(BANK_ID, "CONSENT_INVALID", reason="revoked")

    def consent_state(self, *, bank_consent_id: str) -> BankConsentState:
        return self.grants[bank_consent_id].state

    def revoke(self, *, bank_consent_id: str) -> None:
        grant = self.grants[bank_consent_id]
        grant.state, grant.ended_us = "revoked", self._kernel.now_us

    def psu_revokes(self, bank_consent_id: str) -> None:
        """At the bank, without a word to anybody."""
        self.revoke(bank_consent_id=bank_consent_id)

    def accounts(self, access: BankAccess) -> tuple[BankAccount, ...]:
        self._check_access(access)
        return tuple(held.account for held in self.accounts_held)

    def balances(self, access: BankAccess, account: BankAccount) -> tuple[BankBalance, ...]:
        self._check_access(access)
        held = self._held(account)
        self._count(held, "balances", access)
        now_us = self._kernel.now_us
        interim = BankBalance(
            type="interimBooked",
            amount=held.ledger.balance(now_us),
            currency="EUR",
            as_of=from_us(now_us),
        )
        closed = _last_working_day_before(_local_day(now_us))
        closing = BankBalance(
            type="closingBooked",
            amount=held.ledger.balance(now_us, up_to=closed),
            currency="EUR",
            as_of=closed,
        )
        told = {"interim": (interim,), "closing": (closing,), "both": (interim, closing)}
        return told[self.manners.balances]

    def transactions_page(
        self,
        access: BankAccess,
        account: BankAccount,
        *,
        status: BookingStatus,
        date_from: date,
        date_to: date | None,
        page: str | None,
    ) -> TransactionsPage:
        self._check_access(access)
        held = self._held(account)
        start = 0
        if page is None:
            self._count(held, status, access)
            if status == "pending":
                held.shown_pending.pop(access.bank_consent_id, None)
            listed = self._list(held, access, status=status, date_from=date_from, date_to=date_to)
        else:
            token, _, offset = page.rpartition(":")
            start = int(offset)
            listed = self._snapshots.get(token) or self._list(
                held, access, status=status, date_from=date_from, date_to=date_to
            )
        end = start + self.manners.page_size
        following = None
        if end < len(listed):
            token = page.rpartition(":")[0] if page else f"listing-{len(self._snapshots)}"
            if page is None and self.manners.snapshot_paging:
                self._snapshots[token] = listed
            following = f"{token}:{end}"
        return TransactionsPage(transactions=tuple(listed[start:end]), next_page=following)

    def _list(
        self,
        held: BankSideAccount,
        access: BankAccess,
        *,
        status: BookingStatus,
        date_from: date,
        date_to: date | None,
    ) -> list[BankTransaction]:
        now_us = self._kernel.now_us
        if status == "booked":
            chosen = [
                movement
                for movement in held.ledger.movements
                if movement.booking_date >= date_from
                and (date_to is None or movement.booking_date <= date_to)
                and movement.is_booked(now_us)
            ]
        else:
            lag = self.manners.pending_lag_us
            chosen = [
                movement for movement in held.ledger.movements if movement.is_pending(now_us, lag_us=lag)
            ]
        serials = {movement.serial for movement in chosen}
        if status == "pending":
            held.shown_pending[access.bank_consent_id] |= serials
        else:
            held.torn |= serials & held.shown_pending[access.bank_consent_id]
        if not self.manners.oldest_first:
            chosen.reverse()
        return self._show(chosen, status=status, all_booked=held.ledger.movements)

    def _show(
        self, chosen: Sequence[Movement], *, status: BookingStatus, all_booked: Sequence[Movement]
    ) -> list[BankTransaction]:
        manners, now_us = self.manners, self._kernel.now_us
        daily = _daily_numbers(all_booked, now_us) if manners.ids == "daily" else {}
        shown = []
        for position, movement in enumerate(chosen):
            external_id: str | None
            if manners.ids == "stable":
                external_id = f"T{movement.serial}"
            elif manners.ids == "changed_when_booked":
                external_id = f"{'B' if status == 'booked' else 'P'}{movement.serial}"
            elif manners.ids == "daily":
                external_id = daily.get(movement.serial)
            elif manners.ids == "positional":
                external_id = str(position + 1) if status == "booked" else None
            elif manners.ids == "shared":
                external_id = f"O{movement.order}"
            else:
                external_id = None
            booked = status == "booked"
            text = movement.text_at(now_us)
            if manners.text_changes_when_booked and not booked:
                text = "REZERVACIJA"
            entry = (
                status,
                external_id,
                f"R{movement.serial}" if manners.references else None,
                movement.booking_date if booked else None,
                movement.booking_date if booked else _local_day(movement.pending_us),
                movement.amount,
                movement.payee,
                text,
            )
            shown.append(
                BankTransaction(
                    status=status,
                    external_id=entry[1],
                    entry_reference=entry[2],
                    end_to_end_id=None,
                    booking_date=entry[3],
                    value_date=entry[4],
                    amount=movement.amount,
                    currency="EUR",
                    direction="outbound",
                    creditor_name=movement.payee,
                    creditor_iban=None,
                    debtor_name="Ana Anić",
                    debtor_iban=None,
                    remittance_info=text,
                    raw_hash=hashlib.sha256(repr(entry).encode()).hexdigest(),
                )
            )
        return shown

    def _held(self, account: BankAccount) -> BankSideAccount:
        return next(held for held in self.accounts_held if held.account.resource_id == account.resource_id)

    def _check_access(self, access: BankAccess) -> None:
        grant = self.grants[access.bank_consent_id]
        self._check_alive(grant)
        if access.access_token != grant.access_token or self._kernel.now_us >= grant.access_until_us:
            raise BankTokenExpired(BANK_ID, "TOKEN_EXPIRED")
        grant.newest_was_used = True

    def _count(self, held: BankSideAccount, what: str, access: BankAccess) -> None:
        if access.psu_ip_address is not None:
            return
        now_us = self._kernel.now_us
        recent = [moment for moment in held.reads_us[what] if moment > now_us - DAY]
        if len(recent) >= self.manners.unattended_limit:
            self._complain(
                "budget",
                f"{held.account.resource_id}: unattended read {len(recent) + 1} of {what} within 24 hours, "
                f"{self.manners.unattended_limit} are allowed",
            )
            if self.manners.enforces_limit:
                raise BankRateLimited(BANK_ID, "ACCESS_EXCEEDED", retry_at=from_us(recent[0] + DAY))
        held.reads_us[what] = [*recent, now_us]


def _daily_numbers(movements: Sequence[Movement], now_us: int) -> dict[int, str]:
    """Counted in the order of booking, so that a late one does not shift the others of its day."""
    counts: dict[date, int] = defaultdict(int)
    numbers = {}
    for movement in sorted(movements, key=lambda entry: (entry.booked_us, entry.serial)):
        if movement.booked_us <= now_us:
            counts[movement.booking_date] += 1
            numbers[movement.serial] = f"{counts[movement.booking_date]:04d}"
    return numbers


def _last_working_day_before(day: date) -> date:
    return day - timedelta(days={0: 3, 6: 2}.get(day.weekday(), 1))


def _local_day(at_us: int) -> date:
    return from_us(at_us).astimezone(ZONE).date()
