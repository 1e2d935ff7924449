"""Whatever people do to each other, in whatever order: an organisation that had an owner has one."""

from __future__ import annotations

from datetime import UTC, datetime

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from shared.domain.errors import Conflict, Forbidden, NotFound, TokError
from shared.domain.organisations import Organisation
from shared.domain.roles import ROLES, Role, is_at_least, may
from shared.domain.users import (
    USERS_MAX,
    Roster,
    User,
    change_role,
    join,
    remove,
    require_may_grant,
    user_id_of,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ORGANISATION = Organisation(id="org_1", name="Bilko", tier="free")
PEOPLE = [f"usr_{number}" for number in range(5)]

people = st.sampled_from(PEOPLE)
roles = st.sampled_from(ROLES)
steps = st.one_of(
    st.tuples(st.just("role"), people, people, roles),
    st.tuples(st.just("remove"), people, people, roles),
    st.tuples(st.just("join"), people, people, roles),
)
rosters = st.dictionaries(people, roles, min_size=1).filter(lambda held: "owner" in held.values())


def user(user_id: str, role: Role) -> User:
    return User(id=user_id, email=f"{user_id}@bilko.io", role=role, joined_at=NOW)


def roster(held: dict[str, Role]) -> Roster:
    return Roster(
        organisation=ORGANISATION, users={user_id: user(user_id, role) for user_id, role in held.items()}
    )


def after(before: Roster, step: tuple[str, str, str, Role]) -> Roster:
    """One change, as the use cases put it together. Raises TokError."""
    kind, by, whom, role = step
    users = dict(before.users)
    if kind == "role":
        users[whom] = change_role(before, by=by, user_id=whom, role=role)
    elif kind == "remove":
        del users[remove(before, by=by, user_id=whom).id]
    else:
        require_may_grant(before, by=by, role=role, permission="users.invite")
        users[whom] = join(before, user(whom, role))
    return msgspec.structs.replace(before, users=users)


@given(rosters, st.lists(steps, max_size=30))
def test_there_is_always_an_owner(held: dict[str, Role], taken: list[tuple[str, str, str, Role]]) -> None:
    now = roster(held)
    for step in taken:
        try:
            now = after(now, step)
        except TokError:
            continue
        assert now.owners


@given(rosters, steps)
def test_nobody_reaches_above_their_own_role(held: dict[str, Role], step: tuple[str, str, str, Role]) -> None:
    before = roster(held)
    try:
        now = after(before, step)
    except TokError:
        assert before == roster(held)
        return
    _, by, _, _ = step
    actor = before.users[by]
    for user_id in PEOPLE:
        old, new = before.users.get(user_id), now.users.get(user_id)
        if old != new:
            assert old is None or is_at_least(actor.role, old.role)
            assert new is None or is_at_least(actor.role, new.role)
            assert user_id == by or may(actor.role, "users.invite")


@given(rosters, st.lists(steps, min_size=2, max_size=2, unique=True))
def test_of_two_changes_at_once_the_second_is_judged_by_what_the_first_left(
    held: dict[str, Role], both: list[tuple[str, str, str, Role]]
) -> None:
    """The fence makes the second one start again from its reading: it never acts on what it saw before."""
    now = roster(held)
    for step in both:
        try:
            now = after(now, step)
        except TokError:
            continue
    assert now.owners


def test_the_last_owner_can_neither_leave_nor_step_down() -> None:
    alone = roster({"usr_0": "owner", "usr_1": "admin"})
    with pytest.raises(Conflict):
        remove(alone, by="usr_0", user_id="usr_0")
    with pytest.raises(Conflict):
        change_role(alone, by="usr_0", user_id="usr_0", role="admin")
    assert change_role(alone, by="usr_0", user_id="usr_0", role="owner").role == "owner"


def test_an_admin_makes_and_touches_no_owner() -> None:
    house = roster({"usr_0": "owner", "usr_1": "admin", "usr_2": "viewer", "usr_3": "owner"})
    for whom, role in (("usr_0", "viewer"), ("usr_2", "owner"), ("usr_1", "owner")):
        with pytest.raises(Forbidden):
            change_role(house, by="usr_1", user_id=whom, role=role)  # type: ignore[arg-type]
    with pytest.raises(Forbidden):
        remove(house, by="usr_1", user_id="usr_0")
    with pytest.raises(Forbidden):
        require_may_grant(house, by="usr_1", role="owner", permission="users.invite")
    assert change_role(house, by="usr_1", user_id="usr_2", role="admin").role == "admin"


def test_a_stranger_finds_nothing() -> None:
    house = roster({"usr_0": "owner"})
    with pytest.raises(NotFound):
        change_role(house, by="usr_4", user_id="usr_0", role="viewer")
    with pytest.raises(NotFound):
        remove(house, by="usr_0", user_id="usr_4")


def test_an_organisation_is_full_some_day() -> None:
    full = roster({f"usr_{number}": "owner" for number in range(USERS_MAX)})
    with pytest.raises(Conflict):
        join(full, user("usr_new", "viewer"))
    with pytest.raises(Conflict):
        join(full, user("usr_0", "viewer"))


def test_a_users_id_is_their_issuers_and_subjects() -> None:
    assert user_id_of(issuer="a", subject="bc") == user_id_of(issuer="a", subject="bc")
    assert len({user_id_of(issuer=i, subject=s) for i, s in (("a", "bc"), ("ab", "c"), ("a", "b"))}) == 3
