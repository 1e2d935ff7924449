"""Tokens decrypt in their own place, whole, and nowhere else. Against the local KMS server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import hypothesis.strategies as st
import msgspec
import pytest
from google.cloud import kms
from hypothesis import HealthCheck, given, settings

from shared.domain.bank_data import BankTokens
from shared.domain.errors import NotDecryptable
from shared.gcp.envelope import KmsTokenVault
from shared.use_cases.ports import SealedTokens
from tests.localcloud.kms.conftest import kms_client
from tests.localcloud.server_process import ServerProcess

TOKENS = BankTokens(
    access_token="sbat_secret-access",
    refresh_token="sbrt_secret-refresh",
    expires_at=datetime(2026, 11, 24, tzinfo=UTC),
)
PLACE = {"organisation_id": "org_1", "consent_id": "con_1"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kms.KeyManagementServiceClient]:
    server = ServerProcess("localcloud.kms", tmp_path_factory.mktemp("kms"))
    yield kms_client(server.address)
    server.terminate()


@pytest.fixture(scope="module")
def key_name(client: kms.KeyManagementServiceClient) -> str:
    ring = client.create_key_ring(
        parent="projects/tok-test/locations/europe-west1", key_ring_id="tokens", key_ring={}
    )
    key = client.create_crypto_key(
        parent=ring.name, crypto_key_id="tokens", crypto_key={"purpose": "ENCRYPT_DECRYPT"}
    )
    name: str = key.name
    return name


@pytest.fixture(scope="module")
def vault(client: kms.KeyManagementServiceClient, key_name: str) -> KmsTokenVault:
    return KmsTokenVault(key_name=key_name, environment="sandbox", client=lambda: client)


@pytest.fixture(scope="module")
def sealed(vault: KmsTokenVault) -> SealedTokens:
    return vault.seal(TOKENS, **PLACE)


def test_tokens_survive_and_every_seal_is_another(vault: KmsTokenVault, sealed: SealedTokens) -> None:
    assert vault.open(sealed, **PLACE) == TOKENS
    again = vault.seal(TOKENS, **PLACE)
    assert again.ciphertext != sealed.ciphertext
    assert again.wrapped_key != sealed.wrapped_key
    assert again.nonce != sealed.nonce


def test_nothing_of_them_is_readable(sealed: SealedTokens) -> None:
    stored = msgspec.json.encode(sealed) + sealed.ciphertext + sealed.wrapped_key + repr(TOKENS).encode()
    assert b"secret" not in stored


@pytest.mark.parametrize(
    "place",
    [
        {"organisation_id": "org_2", "consent_id": "con_1"},
        {"organisation_id": "org_1", "consent_id": "con_2"},
        {"organisation_id": "org_1con_1", "consent_id": ""},
    ],
)
def test_moved_to_another_place_they_do_not_decrypt(
    vault: KmsTokenVault, sealed: SealedTokens, place: dict[str, str]
) -> None:
    with pytest.raises(NotDecryptable):
        vault.open(sealed, **place)


def test_in_another_environment_they_do_not_decrypt(
    client: kms.KeyManagementServiceClient, key_name: str, sealed: SealedTokens
) -> None:
    live = KmsTokenVault(key_name=key_name, environment="live", client=lambda: client)
    with pytest.raises(NotDecryptable):
        live.open(sealed, **PLACE)


@given(
    field=st.sampled_from(["wrapped_key", "nonce", "ciphertext"]),
    position=st.integers(0),
    bit=st.integers(0, 7),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_with_one_bit_changed_they_do_not_decrypt(
    vault: KmsTokenVault, sealed: SealedTokens, field: str, position: int, bit: int
) -> None:
    changed = bytearray(getattr(sealed, field))
    changed[position % len(changed)] ^= 1 << bit
    with pytest.raises(NotDecryptable):
        vault.open(msgspec.structs.replace(sealed, **{field: bytes(changed)}), **PLACE)


def test_an_unknown_format_is_refused(vault: KmsTokenVault, sealed: SealedTokens) -> None:
    with pytest.raises(NotDecryptable):
        vault.open(msgspec.structs.replace(sealed, format=2), **PLACE)


def test_after_the_key_rotates_old_tokens_still_open(
    vault: KmsTokenVault, client: kms.KeyManagementServiceClient, key_name: str, sealed: SealedTokens
) -> None:
    version = client.create_crypto_key_version(parent=key_name, crypto_key_version={})
    client.update_crypto_key_primary_version(
        name=key_name, crypto_key_version_id=version.name.rpartition("/")[2]
    )
    assert vault.open(sealed, **PLACE) == TOKENS
    assert vault.open(vault.seal(TOKENS, **PLACE), **PLACE) == TOKENS
