"""Bank tokens under two layers of AES-256-GCM: a fresh data key for every write, wrapped by Cloud KMS.

Both layers authenticate the same context (format, environment, organisation, consent, field), so that a
ciphertext moved to another place does not decrypt. One KMS call to seal, one to open. CRC32C is sent and
checked both ways, as https://cloud.google.com/kms/docs/data-integrity-guidelines asks.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import google_crc32c
import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.api_core import retry
from google.api_core.exceptions import InvalidArgument, ResourceExhausted, ServiceUnavailable
from google.cloud import kms_v1

from shared.domain.bank_data import BankTokens
from shared.domain.errors import NotDecryptable
from shared.gcp.clients import kms_client
from shared.settings import Environment
from shared.use_cases.ports import SealedTokens

_FORMAT = 1
_NONCE_BYTES = 12
_RETRY = retry.Retry(
    predicate=retry.if_exception_type(ResourceExhausted, ServiceUnavailable),
    initial=0.1,
    maximum=2.0,
    timeout=10.0,
)


class CorruptedInTransit(Exception):
    """A checksum did not match: nothing was stored or used, the call may be repeated."""


class KmsTokenVault:
    def __init__(
        self,
        *,
        key_name: str,
        environment: Environment,
        client: Callable[[], kms_v1.KeyManagementServiceClient] = kms_client,
    ) -> None:
        self._client = client
        self._key_name = key_name
        self._environment = environment

    def seal(self, tokens: BankTokens, *, organisation_id: str, consent_id: str) -> SealedTokens:
        context = self._context(organisation_id, consent_id)
        data_key = AESGCM.generate_key(bit_length=256)
        nonce = os.urandom(_NONCE_BYTES)
        return SealedTokens(
            format=_FORMAT,
            wrapped_key=self._wrap(data_key, context),
            nonce=nonce,
            ciphertext=AESGCM(data_key).encrypt(nonce, msgspec.json.encode(tokens), context),
        )

    def open(self, sealed: SealedTokens, *, organisation_id: str, consent_id: str) -> BankTokens:
        """Raises NotDecryptable."""
        if sealed.format != _FORMAT:
            raise NotDecryptable("unknown format")
        context = self._context(organisation_id, consent_id)
        data_key = self._unwrap(sealed.wrapped_key, context)
        try:
            plaintext = AESGCM(data_key).decrypt(sealed.nonce, sealed.ciphertext, context)
        except (InvalidTag, ValueError):
            raise NotDecryptable("tokens do not decrypt here") from None
        return msgspec.json.decode(plaintext, type=BankTokens)

    def _context(self, organisation_id: str, consent_id: str) -> bytes:
        return msgspec.json.encode(["tok", _FORMAT, self._environment, organisation_id, consent_id, "tokens"])

    def _wrap(self, data_key: bytes, context: bytes) -> bytes:
        response = self._client().encrypt(
            request=kms_v1.EncryptRequest(
                name=self._key_name,
                plaintext=data_key,
                plaintext_crc32c=_crc32c(data_key),
                additional_authenticated_data=context,
                additional_authenticated_data_crc32c=_crc32c(context),
            ),
            retry=_RETRY,
        )
        intact = (
            response.verified_plaintext_crc32c
            and response.verified_additional_authenticated_data_crc32c
            and response.ciphertext_crc32c == _crc32c(response.ciphertext)
            and response.name.startswith(self._key_name + "/cryptoKeyVersions/")
        )
        if not intact:
            raise CorruptedInTransit("the data key was corrupted on its way to or from KMS")
        return bytes(response.ciphertext)

    def _unwrap(self, wrapped_key: bytes, context: bytes) -> bytes:
        try:
            response = self._client().decrypt(
                request=kms_v1.DecryptRequest(
                    name=self._key_name,
                    ciphertext=wrapped_key,
                    ciphertext_crc32c=_crc32c(wrapped_key),
                    additional_authenticated_data=context,
                    additional_authenticated_data_crc32c=_crc32c(context),
                ),
                retry=_RETRY,
            )
        except InvalidArgument:
            raise NotDecryptable("the data key does not unwrap here") from None
        if response.plaintext_crc32c != _crc32c(response.plaintext):
            raise CorruptedInTransit("the data key was corrupted on its way from KMS")
        return bytes(response.plaintext)


def _crc32c(data: bytes) -> int:
    return int(google_crc32c.value(data))
