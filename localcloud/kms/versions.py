"""Versions of a crypto key: create, get, list, enable and disable, destroy and restore."""

from __future__ import annotations

from typing import Any

from google.cloud.kms_v1.types import service

from localcloud.grpc_server import Message, failed_precondition, invalid
from localcloud.kms import names
from localcloud.kms.key_rings import MAX_PAGE, refuse_filter
from localcloud.kms.store import CryptoKeyVersion, Store
from localcloud.paging import cursor_of, page_size, split_page

ListCryptoKeyVersionsResponse: Any = service.ListCryptoKeyVersionsResponse.pb()

_USABLE = (CryptoKeyVersion.ENABLED, CryptoKeyVersion.DISABLED)


class Versions:
    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, request: Message) -> Message:
        key, _ = self._store.key_and_primary(names.key(request.parent))
        return self._store.add_version(key)

    def get(self, request: Message) -> Message:
        return self._store.version(*names.version(request.name))

    def list(self, request: Message) -> Message:
        refuse_filter(request)
        key_name, size = names.key(request.parent), page_size(request.page_size, maximum=MAX_PAGE)
        self._store.key_and_primary(key_name)
        cursor = cursor_of(request.page_token) or "0"
        if not cursor.isdecimal():
            raise invalid("page_token is not one that this server gave.")
        found = self._store.versions(key_name, after=int(cursor), limit=size + 1)
        page, token = split_page(found, size=size)
        return ListCryptoKeyVersionsResponse(
            crypto_key_versions=page,
            next_page_token=token,
            total_size=self._store.count("versions", column="key", value=key_name),
        )

    def update(self, request: Message) -> Message:
        key_name, number = names.version(request.crypto_key_version.name)
        version = self._store.version(key_name, number)
        if list(request.update_mask.paths) != ["state"]:
            raise invalid("update_mask must name state, the one field that can be updated.")
        if request.crypto_key_version.state not in _USABLE:
            raise invalid("state can be set to ENABLED or DISABLED; DestroyCryptoKeyVersion destroys.")
        _refuse_unless(version, version.state in _USABLE)
        version.state = request.crypto_key_version.state
        self._store.save_version(version, key_name=key_name, number=number)
        return version

    def destroy(self, request: Message) -> Message:
        key_name, number = names.version(request.name)
        key, _ = self._store.key_and_primary(key_name)
        version = self._store.version(key_name, number)
        _refuse_unless(version, version.state in _USABLE)
        version.state = CryptoKeyVersion.DESTROY_SCHEDULED
        delay_us = key.destroy_scheduled_duration.ToMicroseconds()
        version.destroy_time.FromMicroseconds(self._store.clock.now_us() + delay_us)
        self._store.save_version(version, key_name=key_name, number=number)
        return version

    def restore(self, request: Message) -> Message:
        key_name, number = names.version(request.name)
        version = self._store.version(key_name, number)
        _refuse_unless(version, version.state == CryptoKeyVersion.DESTROY_SCHEDULED)
        version.state = CryptoKeyVersion.DISABLED
        version.ClearField("destroy_time")
        self._store.save_version(version, key_name=key_name, number=number)
        return version


def _refuse_unless(version: Message, allowed: bool) -> None:  # noqa: FBT001 - reads as a sentence
    if not allowed:
        state = CryptoKeyVersion.CryptoKeyVersionState.Name(version.state)
        raise failed_precondition(f"{version.name} cannot do that in its current state: {state}.")
