from __future__ import annotations

import pytest
from google.api_core.exceptions import FailedPrecondition, InvalidArgument
from google.cloud import kms

Client = kms.KeyManagementServiceClient
State = kms.CryptoKeyVersion.CryptoKeyVersionState


def test_versions_are_numbered_and_listed(client: Client, key: kms.CryptoKey) -> None:
    for _ in range(10):
        client.create_crypto_key_version(parent=key.name, crypto_key_version={})
    listed = client.list_crypto_key_versions({"parent": key.name, "page_size": 4})
    numbers = [int(version.name.rpartition("/")[2]) for version in listed]
    assert numbers == list(range(1, 12))
    assert client.get_crypto_key(name=key.name).primary.name.endswith("/1")


def test_destroying_is_scheduled_and_can_be_taken_back(client: Client, key: kms.CryptoKey) -> None:
    sealed = client.encrypt(name=key.name, plaintext=b"text")
    scheduled = client.destroy_crypto_key_version(name=key.primary.name)
    assert scheduled.state == State.DESTROY_SCHEDULED
    assert (scheduled.destroy_time - scheduled.create_time).days == 30
    with pytest.raises(FailedPrecondition, match="DESTROY_SCHEDULED"):
        client.decrypt(name=key.name, ciphertext=sealed.ciphertext)
    with pytest.raises(FailedPrecondition):
        client.destroy_crypto_key_version(name=key.primary.name)

    restored = client.restore_crypto_key_version(name=key.primary.name)
    assert restored.state == State.DISABLED
    assert not restored.destroy_time
    client.update_crypto_key_version(
        crypto_key_version={"name": restored.name, "state": "ENABLED"}, update_mask={"paths": ["state"]}
    )
    assert client.decrypt(name=key.name, ciphertext=sealed.ciphertext).plaintext == b"text"


def test_only_the_state_can_be_updated_and_only_to_enabled_or_disabled(
    client: Client, key: kms.CryptoKey
) -> None:
    version = {"name": key.primary.name, "state": "DESTROYED"}
    with pytest.raises(InvalidArgument, match="ENABLED or DISABLED"):
        client.update_crypto_key_version(crypto_key_version=version, update_mask={"paths": ["state"]})
    with pytest.raises(InvalidArgument, match="update_mask"):
        client.update_crypto_key_version(crypto_key_version=version, update_mask={"paths": ["algorithm"]})


def test_a_version_that_is_not_scheduled_cannot_be_restored(client: Client, key: kms.CryptoKey) -> None:
    with pytest.raises(FailedPrecondition):
        client.restore_crypto_key_version(name=key.primary.name)
