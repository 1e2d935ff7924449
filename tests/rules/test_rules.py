"""firestore.rules on Google's emulator: every path, every role, the own organisation, a foreign one and nobody.

Paths come from shared/gcp/paths.py, so a new one is tested, and expected to be closed, without a change here.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator

import pytest

from shared.domain.roles import ROLES, Permission, Role, may
from shared.gcp import paths
from tests.localcloud.google_emulator import EmulatorMissing, running_emulator
from tests.rules.emulator import CONTROL, DATABASES, RULES, RulesEmulator, unsigned_token

pytestmark = pytest.mark.google

OWN = "org_own"
FOREIGN = "org_foreign"
DENIED = 403
SERVED = 200
PERMISSIONS: dict[str, Permission] = {
    "organisations": "organisation.read",
    "users": "users.read",
    "invitations": "users.invite",
    "apiKeys": "keys.read",
    "audit": "audit.read",
}
"""What reading each collection of the control plane needs. What is not here is closed to everybody."""
_CLOSED_TO_LISTS = {"organisations"}


def _arguments(builder: Callable[..., str], organisation: str) -> list[object]:
    parameters = inspect.signature(builder, eval_str=True).parameters.values()
    return [
        organisation
        if each.name == "organisation_id"
        else 7
        if each.annotation is int
        else f"some-{each.name}"
        for each in parameters
    ]


def documents(organisation: str) -> dict[str, str]:
    """Name of the path's builder → a document there. A collection's builder stands for a document in it."""
    found = {
        "user": f"organisations/{organisation}/users/somebody",
        "invitation": f"organisations/{organisation}/invitations/some",
        "audit": f"organisations/{organisation}/audit/some",
        "unknown": "somethingNew/document",
        "unknown_below": f"organisations/{organisation}/somethingNew/document",
    }
    for name, builder in inspect.getmembers(paths, inspect.isfunction):
        if builder.__module__ == paths.__name__:
            path = builder(*_arguments(builder, organisation))
            found[name] = path if path.count("/") % 2 else f"{path}/some"
    return found


PATHS = sorted(documents(OWN))


@pytest.fixture(scope="module")
def emulator() -> Iterator[RulesEmulator]:
    try:
        with running_emulator() as address:
            running = RulesEmulator(address)
            for database in DATABASES:
                for organisation in (OWN, FOREIGN):
                    for path in documents(organisation).values():
                        running.put(database, path, {"marker": organisation})
                    for role in ROLES:
                        user = f"usr_{organisation}_{role}"
                        running.put(database, f"signIns/{organisation}-{role}", {"userId": user})
                        running.put(database, f"memberships/{user}", {"marker": organisation})
                        running.put(database, f"organisations/{organisation}/users/{user}", {"role": role})
            yield running
            running.close()
    except EmulatorMissing as missing:
        pytest.skip(f"RULES NOT TESTED: {missing}")


def member(role: str, organisation: str = OWN) -> str:
    return unsigned_token(f"{organisation}-{role}")


STRANGERS = {
    "nobody": None,
    "signed in, member of nothing": unsigned_token("a-stranger"),
    "claims a role in the token": unsigned_token("a-stranger", role="owner", organisations={OWN: "owner"}),
    "anonymous sign-in": unsigned_token("anon", provider_id="anonymous"),
} | {f"{role} of another organisation": member(role, FOREIGN) for role in ROLES}


def test_users_see_which_organisations_they_belong_to_and_not_others(emulator: RulesEmulator) -> None:
    for database in DATABASES:
        own = f"memberships/usr_{OWN}_viewer"
        expected = SERVED if database == CONTROL else DENIED
        assert emulator.get(database, own, token=member("viewer")) == expected
        assert emulator.query(database, own, token=member("viewer")) == DENIED
        for token in (member("owner"), *STRANGERS.values()):
            assert emulator.get(database, own, token=token) == DENIED


def may_read(database: str, path: str, role: Role) -> bool:
    permission = PERMISSIONS.get(path.split("/")[-2])
    return database == CONTROL and permission is not None and may(role, permission)


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("name", PATHS)
def test_a_member_reads_what_the_role_may_and_no_more(
    emulator: RulesEmulator, database: str, name: str
) -> None:
    path = documents(OWN)[name]
    collection = path.split("/")[-2]
    for role in ROLES:
        token = member(role)
        expected = SERVED if may_read(database, path, role) else DENIED
        listed = DENIED if collection in _CLOSED_TO_LISTS else expected
        seen = {
            "get": emulator.get(database, path, token=token),
            "list": emulator.list(database, path, token=token),
            "query": emulator.query(database, path, token=token),
            "collection group": emulator.query(database, path, token=token, all_descendants=True),
        }
        assert seen == {
            "get": expected,
            "list": listed,
            "query": listed,
            "collection group": DENIED,
        }, f"{role} at {path} in {database}"


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("name", PATHS)
def test_strangers_and_other_organisations_read_nothing(
    emulator: RulesEmulator, database: str, name: str
) -> None:
    path = documents(OWN)[name]
    for who, token in STRANGERS.items():
        seen = {
            emulator.get(database, path, token=token),
            emulator.list(database, path, token=token),
            emulator.query(database, path, token=token),
            emulator.query(database, path, token=token, all_descendants=True),
        }
        assert seen == {DENIED}, f"{who} at {path} in {database}"


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("name", PATHS)
def test_nobody_writes(emulator: RulesEmulator, database: str, name: str) -> None:
    path = documents(OWN)[name]
    for who, token in {**STRANGERS, **{role: member(role) for role in ROLES}}.items():
        seen = {
            emulator.create(database, path, token=token),
            emulator.update(database, path, token=token),
            emulator.delete(database, path, token=token),
        }
        assert seen == {DENIED}, f"{who} at {path} in {database}"


@pytest.mark.parametrize("collection", sorted(PERMISSIONS.keys() - _CLOSED_TO_LISTS))
@pytest.mark.parametrize(("limit", "expected"), [(100, SERVED), (101, DENIED), (None, DENIED)])
def test_a_list_is_read_a_page_at_a_time(
    emulator: RulesEmulator, collection: str, limit: int | None, expected: int
) -> None:
    path = f"organisations/{OWN}/{collection}/some"
    assert emulator.query(CONTROL, path, token=member("owner"), limit=limit) == expected


def test_every_expression_of_the_rules_is_evaluated(
    emulator: RulesEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    for collection in PERMISSIONS:
        path = (
            f"organisations/{OWN}"
            if collection == "organisations"
            else f"organisations/{OWN}/{collection}/some"
        )
        for token in (*STRANGERS.values(), *(member(role) for role in ROLES)):
            emulator.get(CONTROL, path, token=token)
            emulator.query(CONTROL, path, token=token)
    emulator.get(CONTROL, f"memberships/usr_{OWN}_viewer", token=member("viewer"))
    lines = RULES.read_text().splitlines()
    evaluated: set[int] = set()
    never: list[str] = []
    for node in emulator.coverage(CONTROL):
        number = node["sourcePosition"]["line"]
        if any(seen.get("value") for seen in node.get("values", ())):
            evaluated.add(number)
        else:
            never.append(f"line {number}: {lines[number - 1].strip()}")
    allowing = {number for number, line in enumerate(lines, 1) if "allow " in line}
    covered = f"{len(allowing & evaluated)} of {len(allowing)} allow lines, {len(never)} expressions never evaluated"
    with capsys.disabled():
        sys.stdout.write(f"\nfirestore.rules, coverage: {covered}\n")
    assert not never
    assert allowing <= evaluated
