"""What must hold: the bank's truth against what a client of the API reads."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec

from localcloud.clock import to_us
from shared.domain import budgets
from shared.domain.accounts import Account
from shared.domain.changes import Position
from shared.domain.errors import TokError
from shared.domain.leaves import ROW_SEPARATOR
from shared.use_cases.follow_transactions import follow_transactions
from shared.use_cases.list_transactions import Range, list_booked, list_pending
from shared.use_cases.read_account import OVERLAP_DAYS
from tests.simulation.kernel import DAY, HOUR, MINUTE
from tests.simulation.ledger import ZONE, Movement
from tests.simulation.model_bank import BankSideAccount
from tests.simulation.world import Connection, World

_READING_US = 90 * MINUTE
"""Longer than a worker may take from its first read of an account to the write of it, retries included."""

_NOTICED_US = 2 * DAY
"""By then a read has been made, and with it the end of access noticed."""

_DISPATCHED_US = 15 * MINUTE
"""From the moment that a sync is due to its end, in the calm: a tick, a shard, a task, and the bank's answers."""

_FEED_PAGE = 50
_LOOKS = 4
"""A row that the bank no longer lists may be kept for a second look, and a third where no opening is believed yet; the
first of these may be under way as it goes."""

Key = tuple[str, str]
Row = dict[str, Any]


@dataclass
class Copy:
    """One account's transactions as a client keeps them that follows the feed."""

    position: Position = field(default_factory=Position)
    rows: dict[str, Row] = field(default_factory=dict)


class Checks:
    """Looks after each sync, and once more at the end."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ids: dict[str, dict[Key, set[str]]] = defaultdict(dict)
        """By account: the ids that a movement (or its twins together) was seen under."""
        self._read: dict[str, set[int]] = defaultdict(set)
        """By account: as of when it was seen."""
        self._copies: dict[str, Copy] = defaultdict(Copy)
        world.on_synced = self.after_sync

    def after_sync(self) -> None:
        """What did not change while it was read must be there, once."""
        now_us = self._world.kernel.now_us
        for account in self._accounts():
            if account.status != "active" or account.data_as_of is None:
                continue
            as_of_us = to_us(account.data_as_of)
            self._read[account.id].add(as_of_us)
            held = self._held(account)
            start_us, end_us = as_of_us - _READING_US, max(now_us, as_of_us + MINUTE)
            if self._shifts(held, start_us, end_us):
                continue
            self._compare(account, held, start_us=start_us, end_us=end_us)

    def _is_in_doubt(self, account: Account, movement: Movement, end_us: int) -> bool:
        since = [as_of_us for as_of_us in self._read[account.id] if as_of_us > movement.removed_us]
        return movement.removed_us <= end_us and len(since) < _LOOKS

    def _is_passed_over(self, account: Account, movements: list[Movement], end_us: int) -> bool:
        """Where pages shift, a row taken back during a long list hides an old one behind a page that has been read.
        Only the next read can know, by that row; the one after it must have asked for all of the history again."""
        if self._world.bank.manners.snapshot_paging or account.data_as_of is None:
            return False
        overlap = (account.data_as_of.astimezone(ZONE) - timedelta(days=OVERLAP_DAYS)).date()
        return all(movement.booking_date < overlap for movement in movements) and any(
            movement.removed_us <= end_us
            and sum(as_of_us > movement.removed_us for as_of_us in self._read[account.id]) < 2
            for movement in self._held(account).ledger.movements
        )

    def at_the_end(self) -> None:
        """After the calm all of it must be there, once, and fresh."""
        world = self._world
        self._check_grants()
        active = [connection for connection in world.connections if self._must_be_active(connection)]
        if not active:
            return
        accounts = self._accounts()
        if len(accounts) != len(world.bank.accounts_held):
            world.complain("lost", f"{len(accounts)} accounts of {len(world.bank.accounts_held)}")
        for account in accounts:
            if account.status != "active":
                world.complain("ended", f"{account.id} is {account.status} though a consent is active")
                continue
            age_us = world.kernel.now_us - to_us(account.data_as_of) if account.data_as_of else None
            if age_us is None or age_us > self._oldest_us():
                world.complain("stuck", f"{account.id} was last read at {account.data_as_of}")
                continue
            now_us = world.kernel.now_us
            self._compare(account, self._held(account), start_us=now_us, end_us=now_us)
            if account.feed_status == "gap":
                world.complain("proof", f"{account.id} shows a gap, {account.feed_gap}, and there is none")

    def _check_grants(self) -> None:
        """Nothing that is over here lives on at the bank: in the calm, it has been told of all of it."""
        world = self._world
        consents = [world.product.consent(connection.consent_id) for connection in world.connections]
        used = {
            consent.bank_consent_id
            for consent in consents
            if consent is not None and consent.status == "active"
        }
        for name, grant in world.bank.grants.items():
            is_alive = grant.state == "valid" and not grant.refused and world.kernel.now_us < grant.expires_us
            if is_alive and name not in used:
                world.complain("alive", f"{name} is valid at the bank, and no active consent is behind it")

    def _oldest_us(self) -> int:
        """Of two unattended reads a day one is kept for a retry (decision 10), so that the other comes due exactly a
        day after the last: who is not to read before that can only be read at a tick after it."""
        interval = budgets.interval(limit=self._world.bank.manners.unattended_limit)
        return max(DAY, interval // timedelta(microseconds=1) + _DISPATCHED_US)

    def _must_be_active(self, connection: Connection) -> bool:
        """And complains of one that ended without a reason."""
        world = self._world
        consent = world.product.consent(connection.consent_id)
        if consent is None or consent.status == "pending":
            return False
        grant = world.bank.grants.get(consent.bank_consent_id or "")
        if grant is None:
            return False
        alive = grant.state == "valid" and not grant.refused and world.kernel.now_us < grant.expires_us
        if alive and consent.status != "active":
            # Without its PSU's callback, which may have died, it never was; a client may revoke what the bank keeps.
            if consent.was_active and not connection.revoked:
                world.complain("ended", f"{consent.id} is {consent.status} though the bank holds it valid")
            return False
        ended_us = grant.ended_us or grant.expires_us
        if consent.status == "active" and ended_us < world.kernel.now_us - _NOTICED_US:
            world.complain("ended", f"{consent.id} is active though the bank has ended it ({grant.state})")
        return alive

    def _compare(self, account: Account, held: BankSideAccount, *, start_us: int, end_us: int) -> None:
        """Rows against movements, of those that were the same from start to end."""
        world = self._world
        try:
            booked = self._rows(account, "booked")
            pending = self._rows(account, "pending")
        except TokError as error:
            world.complain("unreadable", f"{account.id} is {account.status}, but {type(error).__name__}")
            return
        seen = Counter(map(_key, booked))
        waiting = Counter(map(_key, pending))
        lag = world.bank.manners.pending_lag_us
        by_key: dict[Key, list[Movement]] = defaultdict(list)
        for movement in held.ledger.movements:
            by_key[movement.key].append(movement)
        for key in (seen | waiting).keys() - by_key.keys():
            world.complain("invented", f"{account.id} has {key}, the bank never had")
        for key, movements in by_key.items():
            if start_us < end_us and any(
                movement.changes_between(start_us, end_us)
                or self._is_in_doubt(account, movement, end_us)
                or _lags(movement, start_us, end_us, lag)
                for movement in movements
            ):
                continue
            expected = sum(movement.is_booked(end_us) for movement in movements)
            if (
                seen[key] < expected
                and start_us < end_us
                and self._is_passed_over(account, movements, end_us)
            ):
                continue
            if seen[key] != expected:
                kind = "lost" if seen[key] < expected else "doubled"
                world.complain(
                    kind, f"{account.id} has {seen[key]} of {expected} booked {key} {_story(movements)}"
                )
            expected_waiting = sum(movement.is_pending(end_us) for movement in movements)
            if waiting[key] != expected_waiting:
                kind = "lost" if waiting[key] < expected_waiting else "doubled"
                world.complain(
                    kind,
                    f"{account.id} has {waiting[key]} of {expected_waiting} pending {key} {_story(movements)}",
                )
        self._check_ids(account, booked, pending, by_key, end_us=end_us)
        self._check_feed(account, [*booked, *pending])

    def _check_ids(
        self,
        account: Account,
        booked: list[Row],
        pending: list[Row],
        by_key: dict[Key, list[Movement]],
        *,
        end_us: int,
    ) -> None:
        world = self._world
        ids: dict[Key, set[str]] = defaultdict(set)
        for row in (*booked, *pending):
            ids[_key(row)].add(row["id"])
        every_id = [row["id"] for row in (*booked, *pending)]
        if len(set(every_id)) != len(every_id):
            world.complain("doubled", f"{account.id} has one id twice")
        known = self._ids[account.id]
        # Told as pending and as booked in one reading, without an id that says that it is one.
        untold = set() if world.bank.manners.ids in ("stable", "shared") else self._held(account).torn
        for key, now_known in ids.items():
            before = known.get(key, set())
            may_go = sum(
                movement.removed_us <= end_us or movement.serial in untold for movement in by_key.get(key, ())
            )
            if len(before - now_known) > may_go:
                world.complain(
                    "id changed",
                    f"{account.id} {key} was {sorted(before)}, is {sorted(now_known)} "
                    f"{_story(by_key.get(key, []))}",
                )
            known[key] = now_known

    def _check_feed(self, account: Account, listed: list[Row]) -> None:
        """A client that only ever follows the feed has what one has that reads the lists."""
        world = self._world
        copy = self._copies[account.id]
        more = True
        while more:
            followed = follow_transactions(
                world.product.organisation_id,
                account.id,
                after=copy.position,
                limit=_FEED_PAGE,
                feed=world.product.feed,
                clock=world.product.clock,
            )
            for row in (*followed.changes.added, *followed.changes.modified):
                transaction = msgspec.json.decode(row)
                copy.rows[transaction["id"]] = transaction
            for name in followed.changes.removed:
                copy.rows.pop(name, None)
            copy.position, more = followed.position, followed.has_more
        wanted = {row["id"]: row for row in listed}
        if copy.rows != wanted:
            lacking, extra = wanted.keys() - copy.rows.keys(), copy.rows.keys() - wanted.keys()
            other = [name for name in wanted.keys() & copy.rows.keys() if wanted[name] != copy.rows[name]]
            world.complain(
                "feed",
                f"{account.id}: who follows lacks {sorted(lacking)}, has {sorted(extra)} too, other {sorted(other)}",
            )
            copy.rows = wanted

    def _rows(self, account: Account, status: str) -> list[Row]:
        world = self._world
        listing = list_booked if status == "booked" else list_pending
        wanted = Range(limit=10_000)
        found = listing(
            world.product.organisation_id,
            account.id,
            wanted,
            pages=world.product.pages,
            clock=world.product.clock,
        )
        return [
            msgspec.json.decode(row) for row in ROW_SEPARATOR.join(found.runs).split(ROW_SEPARATOR) if row
        ]

    def _accounts(self) -> list[Account]:
        world = self._world
        return world.product.accounts.list(world.product.organisation_id, limit=100, after=None)

    def _held(self, account: Account) -> BankSideAccount:
        return next(held for held in self._world.bank.accounts_held if held.account.iban == account.iban)

    def _shifts(self, held: BankSideAccount, start_us: int, end_us: int) -> bool:
        """Whether a listing's pages may have shifted under the reader: the next sync puts that right."""
        manners = self._world.bank.manners
        return not manners.snapshot_paging and any(
            movement.changes_between(start_us, end_us) for movement in held.ledger.movements
        )


def _key(row: Row) -> Key:
    return row["amount"], row["creditorName"]


def _lags(movement: Movement, start_us: int, end_us: int, lag_us: int) -> bool:
    return movement.booked_us - HOUR <= end_us and movement.booked_us + lag_us >= start_us and lag_us > 0


def _story(movements: list[Movement]) -> str:
    return "; ".join(movement.story() for movement in movements)
