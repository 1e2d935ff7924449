from __future__ import annotations

from datetime import timedelta

import pytest
from google.api_core.exceptions import AlreadyExists, InvalidArgument, MethodNotImplemented, NotFound
from google.cloud import kms
from test_utils.system import unique_resource_id

Client = kms.KeyManagementServiceClient


def test_key_rings_are_created_once_and_found_again(client: Client, ring: str) -> None:
    parent = ring.partition("/keyRings/")[0]
    assert client.get_key_ring(name=ring).name == ring
    with pytest.raises(AlreadyExists):
        client.create_key_ring(parent=parent, key_ring_id="tokens", key_ring={})
    client.create_key_ring(parent=parent, key_ring_id="webhooks", key_ring={})
    listed = client.list_key_rings({"parent": parent, "page_size": 1})
    assert [found.name for found in listed] == [ring, f"{parent}/keyRings/webhooks"]
    with pytest.raises(NotFound):
        client.get_key_ring(name=f"{parent}/keyRings/none")


def test_a_new_key_has_an_enabled_primary_version(client: Client, key: kms.CryptoKey) -> None:
    assert key.primary.name == f"{key.name}/cryptoKeyVersions/1"
    assert key.primary.state == kms.CryptoKeyVersion.CryptoKeyVersionState.ENABLED
    assert key.destroy_scheduled_duration == timedelta(days=30)
    assert client.get_crypto_key(name=key.name) == key
    with pytest.raises(AlreadyExists):
        client.create_crypto_key(
            parent=key.name.partition("/cryptoKeys/")[0],
            crypto_key_id=key.name.rpartition("/")[2],
            crypto_key={"purpose": "ENCRYPT_DECRYPT"},
        )


def test_the_asked_protection_level_is_kept(client: Client, hsm_key: kms.CryptoKey) -> None:
    assert hsm_key.primary.protection_level == kms.ProtectionLevel.HSM
    version = client.create_crypto_key_version(parent=hsm_key.name, crypto_key_version={})
    assert version.protection_level == kms.ProtectionLevel.HSM


def test_a_key_without_a_first_version_has_no_primary(client: Client, ring: str) -> None:
    key = client.create_crypto_key(
        {
            "parent": ring,
            "crypto_key_id": f"empty{unique_resource_id('-')}",
            "crypto_key": {"purpose": "ENCRYPT_DECRYPT"},
            "skip_initial_version_creation": True,
        }
    )
    assert not key.primary.name


def test_keys_are_listed_in_pages(client: Client, ring: str) -> None:
    parent = client.create_key_ring(
        parent=ring.partition("/keyRings/")[0], key_ring_id=f"pages{unique_resource_id('-')}", key_ring={}
    ).name
    for name in ("a", "b", "c"):
        client.create_crypto_key(parent=parent, crypto_key_id=name, crypto_key={"purpose": "ENCRYPT_DECRYPT"})
    pages = list(client.list_crypto_keys({"parent": parent, "page_size": 2}).pages)
    assert [[key.name[-1] for key in page.crypto_keys] for page in pages] == [["a", "b"], ["c"]]
    assert pages[0].total_size == 3
    with pytest.raises(InvalidArgument, match="page_token"):
        client.list_crypto_keys({"parent": parent, "page_token": "é"})


@pytest.mark.parametrize(
    ("crypto_key", "error"),
    [
        ({}, InvalidArgument),
        ({"purpose": "ASYMMETRIC_SIGN"}, MethodNotImplemented),
        (
            {"purpose": "ENCRYPT_DECRYPT", "version_template": {"protection_level": "EXTERNAL"}},
            MethodNotImplemented,
        ),
        (
            {"purpose": "ENCRYPT_DECRYPT", "version_template": {"algorithm": "RSA_SIGN_PSS_2048_SHA256"}},
            InvalidArgument,
        ),
        ({"purpose": "ENCRYPT_DECRYPT", "rotation_period": timedelta(days=90)}, InvalidArgument),
        ({"purpose": "ENCRYPT_DECRYPT", "destroy_scheduled_duration": timedelta(hours=1)}, InvalidArgument),
    ],
)
def test_what_cannot_be_served_is_refused(
    client: Client, ring: str, crypto_key: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        client.create_crypto_key(parent=ring, crypto_key_id="refused", crypto_key=crypto_key)


def test_an_id_has_the_documented_form(client: Client, ring: str) -> None:
    with pytest.raises(InvalidArgument, match="crypto_key_id"):
        client.create_crypto_key(parent=ring, crypto_key_id="a b", crypto_key={"purpose": "ENCRYPT_DECRYPT"})


def test_labels_and_rotation_are_updated_by_mask(client: Client, key: kms.CryptoKey) -> None:
    changed = {"name": key.name, "labels": {"holds": "tokens"}, "rotation_period": timedelta(days=1)}
    updated = client.update_crypto_key(crypto_key=changed, update_mask={"paths": ["labels"]})
    assert dict(updated.labels) == {"holds": "tokens"}
    assert not updated.rotation_period
    with pytest.raises(InvalidArgument, match="update_mask"):
        client.update_crypto_key(crypto_key=changed, update_mask={"paths": ["purpose"]})


def test_only_an_enabled_version_becomes_primary(client: Client, key: kms.CryptoKey) -> None:
    with pytest.raises(NotFound):
        client.update_crypto_key_primary_version(name=key.name, crypto_key_version_id="2")
    with pytest.raises(InvalidArgument):
        client.update_crypto_key_primary_version(name=key.name, crypto_key_version_id="two")


def test_a_call_that_is_not_served_says_so(client: Client, ring: str) -> None:
    with pytest.raises(MethodNotImplemented, match="GenerateRandomBytes is not served"):
        client.generate_random_bytes(location=ring.partition("/keyRings/")[0], length_bytes=16)
