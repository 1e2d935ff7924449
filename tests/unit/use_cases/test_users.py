"""Users on the real stores: whatever they do to each other at once, an owner is left."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.errors import Conflict, Forbidden, NotFound, TokError
from shared.domain.invitations import INVITATION_LIFETIME
from shared.domain.roles import ROLES
from shared.gcp.invitation_store import InvitationStore
from shared.use_cases.change_user_role import change_user_role
from shared.use_cases.control_plane import StoredInvitation
from shared.use_cases.remove_user import remove_user
from shared.use_cases.update_organisation import update_organisation
from tests.fakes.clock import FakeClock
from tests.unit.use_cases.office import ORIGIN, Meanwhile, Office, office

__all__ = ["office"]


def test_a_change_is_judged_by_what_was_true_when_it_was_made(office: Office) -> None:
    """Ana demotes Eva; before she is done, Eva has demoted Ana."""
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    eva = office.add(org, "eva", "owner")
    store = Meanwhile(
        office.organisations, lambda: office.change_role(org, by=eva, user_id=ana, role="viewer")
    )
    with pytest.raises(Forbidden):
        office.change_role(org, by=ana, user_id=eva, role="viewer", organisations=store)
    assert office.users(org) == {ana: "viewer", eva: "owner"}


def test_an_admin_who_was_removed_meanwhile_changes_nothing(office: Office) -> None:
    made = office.sign_up()
    org = made.organisation.id
    admin, guest = office.add(org, "admin", "admin"), office.add(org, "guest", "viewer")
    store = Meanwhile(office.organisations, lambda: office.remove(org, by=made.owner.id, user_id=admin))
    with pytest.raises(NotFound):
        office.change_role(org, by=admin, user_id=guest, role="admin", organisations=store)
    assert office.users(org)[guest] == "viewer"


def test_an_organisation_that_never_stands_still_is_a_conflict(office: Office) -> None:
    made = office.sign_up()
    org = made.organisation.id

    def rename() -> None:
        update_organisation(
            org,
            by=made.owner.id,
            name=f"Name {random.random()}",
            callback_origins=None,
            origin=ORIGIN,
            organisations=office.organisations,
            clock=office.clock,
        )
        office.clock.move(timedelta(milliseconds=1))

    guest = office.add(org, "guest", "viewer")
    store = Meanwhile(office.organisations, *[rename] * 10)
    with pytest.raises(Conflict):
        office.change_role(org, by=made.owner.id, user_id=guest, role="admin", organisations=store)
    assert office.users(org)[guest] == "viewer"


@pytest.mark.parametrize("seed", range(6))
def test_owners_at_war_leave_an_owner(office: Office, seed: int) -> None:
    """Four owners demote, remove and leave, all at once, in threads."""
    made = office.sign_up()
    org = made.organisation.id
    people = [made.owner.id, *(office.add(org, name, "owner") for name in ("b", "c", "d"))]
    dice = random.Random(seed)
    moves = [
        (
            dice.choice(["role", "remove", "leave"]),
            dice.choice(people),
            dice.choice(people),
            dice.choice(ROLES),
        )
        for _ in range(24)
    ]

    def move(number: int) -> None:
        kind, by, whom, role = moves[number]
        own_clock = FakeClock()
        own_clock.move(timedelta(milliseconds=number))
        try:
            if kind == "role":
                change_user_role(
                    org,
                    by=by,
                    user_id=whom,
                    role=role,
                    origin=ORIGIN,
                    organisations=office.organisations,
                    clock=own_clock,
                )
            else:
                remove_user(
                    org,
                    by=by,
                    user_id=by if kind == "leave" else whom,
                    origin=ORIGIN,
                    organisations=office.organisations,
                    clock=own_clock,
                )
        except TokError:
            return

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(move, range(len(moves))))
    left = office.users(org)
    assert "owner" in left.values()
    changed = sum(action.startswith("user.") for action in office.actions(org))
    stored = office.organisations.roster(org)
    assert stored is not None
    assert stored.roster.organisation.revision == 1 + 3 + changed, "each change has its entry, and no more"
    for person in people:
        known = office.organisations.organisations_of(person)
        assert (known == [org]) == (person in left)


def test_an_invitation_is_for_one_person_once_and_in_time(office: Office) -> None:
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    token = office.invite(org, by=ana, name="eva", role="admin").token
    with pytest.raises(Forbidden):
        office.accept(token, "thief")
    with pytest.raises(NotFound):
        office.accept(token[:-1] + ("A" if token[-1] != "A" else "B"), "eva")
    assert office.accept(token, "eva") == office.accept(token, "eva")
    assert office.actions(org).count("user.joined") == 1
    with pytest.raises(Conflict):
        office.invite(org, by=ana, name="eva")

    late = office.invite(org, by=ana, name="ivo").token
    office.clock.move(INVITATION_LIFETIME)
    with pytest.raises(Conflict):
        office.accept(late, "ivo")


class FoundAndThen:
    """Invitations that let something happen right after one was found."""

    def __init__(self, store: InvitationStore, event: Callable[[], Any]) -> None:
        self._store = store
        self._event: Callable[[], Any] | None = event

    def find_by_hash(self, token_hash: str) -> StoredInvitation | None:
        found = self._store.find_by_hash(token_hash)
        event, self._event = self._event, None
        if event is not None:
            event()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_who_accepts_twice_at_once_has_joined_whoever_reads_what_first(office: Office) -> None:
    """The second finds the invitation open, and then its person among the users."""
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    token = office.invite(org, by=ana, name="eva", role="admin").token
    store = FoundAndThen(office.invitations, lambda: office.accept(token, "eva"))
    assert office.accept(token, "eva", invitations=store).role == "admin"
    assert office.actions(org).count("user.joined") == 1


def test_who_accepts_twice_at_once_the_last_organisation_that_there_may_be_has_joined(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.domain.users.ORGANISATIONS_MAX", 1)
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    token = office.invite(org, by=ana, name="eva").token
    store = Meanwhile(office.organisations, lambda: office.accept(token, "eva"))
    assert office.accept(token, "eva", organisations=store).role == "viewer"
    assert office.actions(org).count("user.joined") == 1


def test_a_member_does_not_use_up_an_invitation_that_was_open(office: Office) -> None:
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    token = office.invite(org, by=ana, name="eva").token
    office.add(org, "eva", "viewer")
    with pytest.raises(Conflict, match="belong to this organisation"):
        office.accept(token, "eva")


def test_a_removed_user_cannot_come_back_with_the_old_invitation(office: Office) -> None:
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    token = office.invite(org, by=ana, name="eva").token
    eva = office.accept(token, "eva").id
    office.remove(org, by=ana, user_id=eva)
    with pytest.raises(Conflict):
        office.accept(token, "eva")
    assert office.organisations.organisations_of(eva) == []
