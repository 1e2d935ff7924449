"""Crypto keys: create, get, list, update, and the choice of the primary version."""

from __future__ import annotations

from typing import Any

from google.cloud.kms_v1.types import resources, service
from google.protobuf.field_mask_pb2 import FieldMask

from localcloud.grpc_server import Message, failed_precondition, invalid, unserved
from localcloud.kms import names
from localcloud.kms.key_rings import MAX_PAGE, refuse_filter
from localcloud.kms.store import CryptoKey, CryptoKeyVersion, Store
from localcloud.paging import cursor_of, page_size, split_page

ListCryptoKeysResponse: Any = service.ListCryptoKeysResponse.pb()

_DAY_SECONDS = 24 * 3600
_ROTATION_SECONDS = (_DAY_SECONDS, 876_000 * 3600)
_DESTROY_SECONDS = (_DAY_SECONDS, 120 * _DAY_SECONDS)
_DESTROY_SECONDS_DEFAULT = 30 * _DAY_SECONDS
_LEVELS = (resources.ProtectionLevel.SOFTWARE, resources.ProtectionLevel.HSM)
_UPDATABLE = {"labels", "next_rotation_time", "rotation_period", "version_template.algorithm"}


class CryptoKeys:
    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, request: Message) -> Message:
        ring = names.key_ring(request.parent)
        self._store.key_ring(ring)
        key = CryptoKey()
        key.CopyFrom(request.crypto_key)
        key.ClearField("primary")
        key.name = f"{ring}/cryptoKeys/{names.checked_id(request.crypto_key_id, field='crypto_key_id')}"
        _check_served(key)
        if not key.version_template.protection_level:
            key.version_template.protection_level = resources.ProtectionLevel.SOFTWARE
        key.version_template.algorithm = CryptoKeyVersion.GOOGLE_SYMMETRIC_ENCRYPTION
        if not key.HasField("destroy_scheduled_duration"):
            key.destroy_scheduled_duration.FromSeconds(_DESTROY_SECONDS_DEFAULT)
        _check_within(key.destroy_scheduled_duration, _DESTROY_SECONDS, field="destroy_scheduled_duration")
        self._check_rotation(key)
        key.create_time.FromMicroseconds(self._store.clock.now_us())
        self._store.add_key(key, ring=ring, with_version=not request.skip_initial_version_creation)
        return self._store.key(key.name)

    def get(self, request: Message) -> Message:
        return self._store.key(names.key(request.name))

    def list(self, request: Message) -> Message:
        refuse_filter(request)
        ring, size = names.key_ring(request.parent), page_size(request.page_size, maximum=MAX_PAGE)
        self._store.key_ring(ring)
        found = self._store.keys(ring, after=cursor_of(request.page_token), limit=size + 1)
        page, token = split_page(found, size=size)
        return ListCryptoKeysResponse(
            crypto_keys=page,
            next_page_token=token,
            total_size=self._store.count("keys", column="ring", value=ring),
        )

    def update(self, request: Message) -> Message:
        key, _ = self._store.key_and_primary(names.key(request.crypto_key.name))
        paths = set(request.update_mask.paths)
        if not paths or paths - _UPDATABLE:
            raise invalid(f"update_mask must name one or more of: {', '.join(sorted(_UPDATABLE))}.")
        _check_served(request.crypto_key, purpose=key.purpose)
        for path in sorted(paths):
            if "." in path:
                continue  # the one algorithm that is served is the one that the key already has
            key.ClearField(path)
            FieldMask(paths=[path]).MergeMessage(request.crypto_key, key)
        if paths & {"next_rotation_time", "rotation_period"}:
            self._check_rotation(key)
        self._store.save_key(key)
        return self._store.key(key.name)

    def set_primary(self, request: Message) -> Message:
        name = names.key(request.name)
        self._store.key_and_primary(name)
        key_name, number = names.version(f"{name}/cryptoKeyVersions/{request.crypto_key_version_id}")
        version = self._store.version(key_name, number)
        if version.state != CryptoKeyVersion.ENABLED:
            state = CryptoKeyVersion.CryptoKeyVersionState.Name(version.state)
            raise failed_precondition(f"{version.name} is not enabled, current state is: {state}.")
        self._store.set_primary(key_name, number)
        return self._store.key(key_name)

    def _check_rotation(self, key: Message) -> None:
        if key.HasField("rotation_period"):
            if not key.HasField("next_rotation_time"):
                raise invalid("next_rotation_time must be set when rotation_period is.")
            _check_within(key.rotation_period, _ROTATION_SECONDS, field="rotation_period")
        due = key.HasField("next_rotation_time") and key.next_rotation_time.ToMicroseconds()
        if due and due <= self._store.clock.now_us():
            raise invalid("next_rotation_time must lie in the future.")


def _check_served(key: Message, *, purpose: int | None = None) -> None:
    asked = purpose or key.purpose
    if not asked:
        raise invalid("crypto_key.purpose must be set.")
    if asked != CryptoKey.ENCRYPT_DECRYPT:
        raise unserved(f"Key purpose {CryptoKey.CryptoKeyPurpose.Name(asked)}")
    template = key.version_template
    if template.protection_level and template.protection_level not in _LEVELS:
        raise unserved(f"Protection level {resources.ProtectionLevel(template.protection_level).name}")
    if template.algorithm not in (0, CryptoKeyVersion.GOOGLE_SYMMETRIC_ENCRYPTION):
        raise invalid(
            "version_template.algorithm must be GOOGLE_SYMMETRIC_ENCRYPTION for ENCRYPT_DECRYPT keys."
        )
    if key.import_only:
        raise unserved("import_only")


def _check_within(duration: Message, bounds: tuple[int, int], *, field: str) -> None:
    if not bounds[0] <= duration.ToSeconds() <= bounds[1]:
        raise invalid(f"{field} must lie between {bounds[0]} and {bounds[1]} seconds.")
