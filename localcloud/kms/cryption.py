"""Encrypt and Decrypt: AES-256-GCM under a version's key, with checksums both ways.

Ciphertext: 1 byte format, 4 bytes version number, 12 bytes nonce, then the sealed text with its 16-byte tag. The key's
name and the header are authenticated with the caller's data, so a ciphertext opens under its own key alone.
"""

from __future__ import annotations

import secrets
import struct
from typing import Any

import google_crc32c
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.cloud.kms_v1.types import resources, service
from grpc import StatusCode

from localcloud.grpc_server import Message, Refused, failed_precondition, invalid
from localcloud.kms import names
from localcloud.kms.store import CryptoKeyVersion, Store

EncryptResponse: Any = service.EncryptResponse.pb()
DecryptResponse: Any = service.DecryptResponse.pb()

_HEADER = struct.Struct(">BI")
_FORMAT = 1
_NONCE_BYTES = 12
_TAG_BYTES = 16
_SOFTWARE_BYTES = 64 * 1024
_HSM_BYTES = 8 * 1024


class Cryption:
    def __init__(self, store: Store) -> None:
        self._store = store

    def encrypt(self, request: Message) -> Message:
        key_name, number = names.key_or_version(request.name)
        _, primary = self._store.key_and_primary(key_name)
        number = number or primary
        if number is None:
            raise failed_precondition(f"CryptoKey {key_name} has no primary version.")
        version, cipher = self._usable(key_name, number)
        aad = request.additional_authenticated_data
        _check_size(version, text=request.plaintext, aad=aad)
        verified_plaintext = _verify_checksum(request, "plaintext")
        verified_aad = _verify_checksum(request, "additional_authenticated_data")
        header, nonce = _HEADER.pack(_FORMAT, number), secrets.token_bytes(_NONCE_BYTES)
        sealed = cipher.encrypt(nonce, request.plaintext, _bound(header, key_name, aad))
        ciphertext = header + nonce + sealed
        reply = EncryptResponse(
            name=version.name,
            ciphertext=ciphertext,
            verified_plaintext_crc32c=verified_plaintext,
            verified_additional_authenticated_data_crc32c=verified_aad,
            protection_level=version.protection_level,
        )
        reply.ciphertext_crc32c.value = google_crc32c.value(ciphertext)
        return reply

    def decrypt(self, request: Message) -> Message:
        key_name = names.key(request.name)
        _, primary = self._store.key_and_primary(key_name)
        _verify_checksum(request, "ciphertext")
        _verify_checksum(request, "additional_authenticated_data")
        ciphertext, aad = request.ciphertext, request.additional_authenticated_data
        if len(ciphertext) < _HEADER.size + _NONCE_BYTES + _TAG_BYTES:
            raise _undecryptable()
        header, rest = ciphertext[: _HEADER.size], ciphertext[_HEADER.size :]
        _, number = _HEADER.unpack(header)
        try:
            version, cipher = self._usable(key_name, number)
        except Refused as refusal:
            # A number that the key never had says that the ciphertext is not this key's.
            raise _undecryptable() if refusal.code is StatusCode.NOT_FOUND else refusal from None
        _check_size(version, text=rest[_NONCE_BYTES + _TAG_BYTES :], aad=aad)
        try:
            plaintext = cipher.decrypt(
                rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound(header, key_name, aad)
            )
        except InvalidTag:
            raise _undecryptable() from None
        reply = DecryptResponse(
            plaintext=plaintext, used_primary=number == primary, protection_level=version.protection_level
        )
        reply.plaintext_crc32c.value = google_crc32c.value(plaintext)
        return reply

    def _usable(self, key_name: str, number: int) -> tuple[Message, AESGCM]:
        version, material = self._store.version_and_material(key_name, number)
        if version.state != CryptoKeyVersion.ENABLED or material is None:
            state = CryptoKeyVersion.CryptoKeyVersionState.Name(version.state)
            raise failed_precondition(f"{version.name} is not enabled, current state is: {state}.")
        return version, AESGCM(material)


def _bound(header: bytes, key_name: str, aad: bytes) -> bytes:
    return header + key_name.encode() + b"\0" + aad


def _check_size(version: Message, *, text: bytes, aad: bytes) -> None:
    if version.protection_level == resources.ProtectionLevel.HSM:
        if len(text) + len(aad) > _HSM_BYTES:
            raise invalid(
                "plaintext and additional_authenticated_data together must be <= 8KiB for HSM keys."
            )
    elif len(text) > _SOFTWARE_BYTES:
        raise invalid("plaintext must be <= 64KiB.")
    elif len(aad) > _SOFTWARE_BYTES:
        raise invalid("additional_authenticated_data must be <= 64KiB.")


def _verify_checksum(request: Message, field: str) -> bool:
    """Whether a checksum came with the field. The wrapper tells none from zero, which is the empty field's CRC."""
    if not request.HasField(f"{field}_crc32c"):
        return False
    if getattr(request, f"{field}_crc32c").value != google_crc32c.value(getattr(request, field)):
        raise invalid(f"The checksum in field {field}_crc32c did not match the data in field {field}.")
    return True


def _undecryptable() -> Refused:
    return invalid("Decryption failed: verify that 'name' refers to the correct CryptoKey.")
