"""A new organisation with its pair of keys, shown once and stored as hashes."""

from __future__ import annotations

from typing import Protocol

import msgspec

from shared.domain.api_keys import ApiKey, Environment, generate_key, hash_key
from shared.domain.ids import new_id
from shared.domain.organisations import Organisation, Tier


class Organisations(Protocol):
    def create(self, organisation: Organisation) -> None: ...

    def add_key(self, key: ApiKey, *, key_hash: str, label: str) -> None: ...


class CreatedOrganisation(msgspec.Struct, frozen=True, kw_only=True):
    organisation: Organisation
    live_key: str
    sandbox_key: str

    def __repr__(self) -> str:
        return f"CreatedOrganisation({self.organisation.id!r})"


def create_organisation(name: str, *, tier: Tier, organisations: Organisations) -> CreatedOrganisation:
    organisation = Organisation(id=new_id("org"), name=name, tier=tier)
    organisations.create(organisation)
    keys: dict[Environment, str] = {"live": generate_key("live"), "sandbox": generate_key("sandbox")}
    for environment, secret in keys.items():
        key = ApiKey(id=new_id("key"), organisation_id=organisation.id, environment=environment)
        organisations.add_key(key, key_hash=hash_key(secret), label="first")
    return CreatedOrganisation(organisation=organisation, live_key=keys["live"], sandbox_key=keys["sandbox"])
