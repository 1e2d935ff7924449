"""Who may do what in an organisation: the one table. The edge, docs/api/openapi.yaml and the tests read it."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["owner", "admin", "developer", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)
"""The most powerful first. Each may do all that the next one may."""

Permission = Literal[
    "organisation.read",
    "organisation.update",
    "users.read",
    "users.invite",
    "users.change_role",
    "users.remove",
    "users.leave",
    "keys.read",
    "keys.create",
    "keys.rotate",
    "keys.revoke",
    "audit.read",
    "data.export",
    "data.erase",
]

LEAST_ROLE: dict[Permission, Role] = {
    "organisation.read": "viewer",
    "organisation.update": "admin",
    "users.read": "viewer",
    "users.invite": "admin",
    "users.change_role": "admin",
    "users.remove": "admin",
    "users.leave": "viewer",
    "keys.read": "developer",
    "keys.create": "developer",
    "keys.rotate": "developer",
    "keys.revoke": "developer",
    "audit.read": "admin",
    "data.export": "owner",
    "data.erase": "owner",
}
"""The least powerful role that has each permission.

Beside the table stands one rule: nobody gives, takes or touches a role above their own (`is_at_least`).
"""


def may(role: Role, permission: Permission) -> bool:
    return is_at_least(role, LEAST_ROLE[permission])


def is_at_least(role: Role, other: Role) -> bool:
    return ROLES.index(role) <= ROLES.index(other)
