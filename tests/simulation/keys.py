"""Cloud KMS in process: localcloud's own cipher behind the one client method that the vault calls."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.api_core.exceptions import from_grpc_status
from google.cloud import kms_v1

from localcloud.clock import SystemClock
from localcloud.grpc_server import Refused
from localcloud.kms.server import key_management_service
from localcloud.kms.store import Store
from tests.simulation.faults import Gate

KEY_NAME = "projects/sim/locations/europe-west3/keyRings/tok/cryptoKeys/tokens"


@functools.cache
def _methods() -> Any:
    """One key for all runs of this process: what it encrypts never leaves a run."""
    store = Store(Path(tempfile.mkdtemp(prefix="tok-simulation-")), clock=SystemClock())
    methods = key_management_service(store).methods
    ring, _, _ = KEY_NAME.partition("/cryptoKeys/")
    location, _, _ = ring.partition("/keyRings/")
    methods["CreateKeyRing"].handle(
        kms_v1.CreateKeyRingRequest.pb(
            kms_v1.CreateKeyRingRequest(parent=location, key_ring_id="tok", key_ring=kms_v1.KeyRing())
        )
    )
    purpose = kms_v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT
    methods["CreateCryptoKey"].handle(
        kms_v1.CreateCryptoKeyRequest.pb(
            kms_v1.CreateCryptoKeyRequest(
                parent=ring, crypto_key_id="tokens", crypto_key=kms_v1.CryptoKey(purpose=purpose)
            )
        )
    )
    return methods


class InProcessKms:
    """`encrypt` and `decrypt` as KeyManagementServiceClient has them."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def encrypt(self, *, request: kms_v1.EncryptRequest, retry: Any) -> kms_v1.EncryptResponse:
        return self._call("Encrypt", request, kms_v1.EncryptResponse, retry)

    def decrypt(self, *, request: kms_v1.DecryptRequest, retry: Any) -> kms_v1.DecryptResponse:
        return self._call("Decrypt", request, kms_v1.DecryptResponse, retry)

    def _call(self, name: str, request: Any, reply: Any, retry: Callable[..., Any]) -> Any:
        method = _methods()[name]

        def act() -> Any:
            try:
                return reply.wrap(method.handle(type(request).pb(request)))
            except Refused as refusal:
                raise from_grpc_status(refusal.code, refusal.message) from None

        return retry(lambda: self._gate.pass_through("kms", name, act))()
