"""The one table: whole, monotonic, and the only place that says who may do what."""

from __future__ import annotations

from typing import get_args

import hypothesis.strategies as st
import pytest
from hypothesis import given

from shared.domain.errors import Forbidden
from shared.domain.roles import LEAST_ROLE, ROLES, Permission, Role, is_at_least, may
from shared.domain.users import require_permission

roles = st.sampled_from(ROLES)
permissions = st.sampled_from(get_args(Permission))


def test_every_permission_has_its_row() -> None:
    assert set(LEAST_ROLE) == set(get_args(Permission))
    assert ROLES == get_args(Role) == ("owner", "admin", "developer", "viewer")


@given(roles, permissions)
def test_who_may_is_everyone_from_the_least_role_up(role: Role, permission: Permission) -> None:
    assert may(role, permission) == (ROLES.index(role) <= ROLES.index(LEAST_ROLE[permission]))
    assert may("owner", permission)
    if not may(role, permission):
        with pytest.raises(Forbidden):
            require_permission(role, permission)


@given(roles, roles, permissions)
def test_a_higher_role_may_all_that_a_lower_one_may(role: Role, other: Role, permission: Permission) -> None:
    if is_at_least(role, other) and may(other, permission):
        assert may(role, permission)


@given(roles, roles, roles)
def test_roles_are_in_a_row(first: Role, second: Role, third: Role) -> None:
    assert is_at_least(first, first)
    assert is_at_least(first, second) or is_at_least(second, first)
    if is_at_least(first, second) and is_at_least(second, third):
        assert is_at_least(first, third)


def test_a_viewer_changes_nothing_but_their_own_membership() -> None:
    assert {each for each in LEAST_ROLE if may("viewer", each)} == {
        "organisation.read",
        "users.read",
        "users.leave",
    }
