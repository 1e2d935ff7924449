"""100,000 ciphertexts of bank tokens with a bit flipped, cut, swapped or moved: none opens."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.api_core.exceptions import InvalidArgument, NotFound
from google.cloud import kms_v1

from localcloud.clock import SystemClock
from localcloud.grpc_server import Refused
from localcloud.kms.cryption import Cryption
from localcloud.kms.store import Store
from shared.domain.bank_data import BankTokens
from shared.domain.errors import NotDecryptable
from shared.gcp.envelope import KmsTokenVault
from shared.use_cases.ports import SealedTokens
from tests.localcloud.kms.conftest import kms_client
from tests.localcloud.server_process import ServerProcess

ALTERED = 100_000
PLACES = [(f"org_{organisation}", f"con_{consent}") for organisation in range(8) for consent in range(8)]


class KmsInProcess:
    """The local KMS without its network: what would be a gRPC call a hundred thousand times."""

    def __init__(self, cryption: Cryption) -> None:
        self._cryption = cryption

    def encrypt(self, *, request: Any, retry: Any) -> Any:
        return kms_v1.EncryptResponse(self._ask(self._cryption.encrypt, kms_v1.EncryptRequest.pb(request)))

    def decrypt(self, *, request: Any, retry: Any) -> Any:
        return kms_v1.DecryptResponse(self._ask(self._cryption.decrypt, kms_v1.DecryptRequest.pb(request)))

    def _ask(self, call: Any, request: Any) -> Any:
        try:
            return call(request)
        except Refused as refusal:
            kind = NotFound if refusal.code.name == "NOT_FOUND" else InvalidArgument
            raise kind(refusal.message) from None


def tokens(number: int) -> BankTokens:
    return BankTokens(
        access_token=f"access-{number}",
        refresh_token=f"refresh-{number}",
        expires_at=datetime(2026, 11, 24, tzinfo=UTC),
    )


@pytest.fixture(scope="module")
def vaults(tmp_path_factory: pytest.TempPathFactory) -> dict[str, KmsTokenVault]:
    folder: Path = tmp_path_factory.mktemp("kms")
    server = ServerProcess("localcloud.kms", folder)
    client = kms_client(server.address)
    ring = client.create_key_ring(
        parent="projects/tok-test/locations/europe-west1", key_ring_id="tokens", key_ring={}
    )
    key = client.create_crypto_key(
        parent=ring.name, crypto_key_id="tokens", crypto_key={"purpose": "ENCRYPT_DECRYPT"}
    )
    server.terminate()
    kms = KmsInProcess(Cryption(Store(folder, clock=SystemClock())))
    return {
        environment: KmsTokenVault(key_name=key.name, environment=environment, client=lambda: kms)  # type: ignore[arg-type, return-value]
        for environment in ("live", "sandbox")
    }


def test_nothing_that_was_altered_or_moved_opens(vaults: dict[str, KmsTokenVault]) -> None:
    chance = random.Random(100_000)
    sealed = {
        place: vaults["sandbox"].seal(tokens(number), organisation_id=place[0], consent_id=place[1])
        for number, place in enumerate(PLACES)
    }
    opened = 0
    for _ in range(ALTERED):
        place = chance.choice(PLACES)
        environment, claimed, altered = _altered(sealed, place, chance)
        if (environment, claimed, altered) == ("sandbox", place, sealed[place]):
            continue
        try:
            vaults[environment].open(altered, organisation_id=claimed[0], consent_id=claimed[1])
            opened += 1
        except NotDecryptable:
            continue
    assert opened == 0
    for number, place in enumerate(PLACES):
        assert vaults["sandbox"].open(sealed[place], organisation_id=place[0], consent_id=place[1]) == tokens(
            number
        )


def _altered(
    sealed: dict[tuple[str, str], SealedTokens], place: tuple[str, str], chance: random.Random
) -> tuple[str, tuple[str, str], SealedTokens]:
    """One thing changed: a bit, a length, a part of another's, the place it claims, or the environment."""
    own, other = sealed[place], chance.choice([each for each in PLACES if each != place])
    field = chance.choice(["wrapped_key", "nonce", "ciphertext"])
    value = bytearray(getattr(own, field))
    match chance.randrange(6):
        case 0 | 1:
            value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
            return "sandbox", place, msgspec.structs.replace(own, **{field: bytes(value)})
        case 2:
            cut = chance.randrange(len(value))
            return "sandbox", place, msgspec.structs.replace(own, **{field: bytes(value[:cut])})
        case 3:
            return "sandbox", place, msgspec.structs.replace(own, **{field: getattr(sealed[other], field)})
        case 4:
            return "sandbox", other, own
        case _:
            return "live", place, own
