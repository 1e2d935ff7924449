from __future__ import annotations

import pytest
from google.api_core.exceptions import FailedPrecondition, InvalidArgument, NotFound
from google.cloud import kms
from google_crc32c import value as crc32c
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KIB = 1024
Client = kms.KeyManagementServiceClient


def test_what_was_encrypted_decrypts_with_its_aad(client: Client, key: kms.CryptoKey) -> None:
    sealed = client.encrypt(
        {
            "name": key.name,
            "plaintext": b"refresh token",
            "plaintext_crc32c": crc32c(b"refresh token"),
            "additional_authenticated_data": b"consent",
            "additional_authenticated_data_crc32c": crc32c(b"consent"),
        }
    )
    assert sealed.name == key.primary.name
    assert sealed.verified_plaintext_crc32c
    assert sealed.verified_additional_authenticated_data_crc32c
    assert sealed.ciphertext_crc32c == crc32c(sealed.ciphertext)
    assert sealed.protection_level == kms.ProtectionLevel.SOFTWARE
    assert b"refresh token" not in sealed.ciphertext

    opened = client.decrypt(
        {
            "name": key.name,
            "ciphertext": sealed.ciphertext,
            "ciphertext_crc32c": crc32c(sealed.ciphertext),
            "additional_authenticated_data": b"consent",
            "additional_authenticated_data_crc32c": crc32c(b"consent"),
        }
    )
    assert opened.plaintext == b"refresh token"
    assert opened.plaintext_crc32c == crc32c(b"refresh token")
    assert opened.used_primary


def test_checksums_that_were_not_sent_are_not_verified(client: Client, key: kms.CryptoKey) -> None:
    sealed = client.encrypt(name=key.name, plaintext=b"text")
    assert not sealed.verified_plaintext_crc32c
    assert not sealed.verified_additional_authenticated_data_crc32c


def test_a_checksum_of_zero_is_a_checksum(client: Client, key: kms.CryptoKey) -> None:
    sealed = client.encrypt({"name": key.name, "plaintext": b"", "plaintext_crc32c": 0})
    assert sealed.verified_plaintext_crc32c
    with pytest.raises(InvalidArgument, match="plaintext_crc32c"):
        client.encrypt({"name": key.name, "plaintext": b"text", "plaintext_crc32c": 0})


@pytest.mark.parametrize("field", ["plaintext", "additional_authenticated_data"])
def test_encrypt_refuses_a_wrong_checksum(client: Client, key: kms.CryptoKey, field: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{field}_crc32c did not match"):
        client.encrypt({"name": key.name, "plaintext": b"text", f"{field}_crc32c": 1})


@pytest.mark.parametrize("field", ["ciphertext", "additional_authenticated_data"])
def test_decrypt_refuses_a_wrong_checksum(client: Client, key: kms.CryptoKey, field: str) -> None:
    sealed = client.encrypt(name=key.name, plaintext=b"text")
    with pytest.raises(InvalidArgument, match=f"{field}_crc32c did not match"):
        client.decrypt({"name": key.name, "ciphertext": sealed.ciphertext, f"{field}_crc32c": 1})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.data())
def test_a_changed_bit_never_decrypts(client: Client, key: kms.CryptoKey, chosen: st.DataObject) -> None:
    plaintext = chosen.draw(st.binary(max_size=64))
    aad = chosen.draw(st.binary(max_size=32))
    sealed = client.encrypt({"name": key.name, "plaintext": plaintext, "additional_authenticated_data": aad})
    changed = bytearray(sealed.ciphertext)
    bit = chosen.draw(st.integers(0, len(changed) * 8 - 1))
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidArgument, match="Decryption failed"):
        client.decrypt({"name": key.name, "ciphertext": bytes(changed), "additional_authenticated_data": aad})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(aads=st.lists(st.binary(max_size=24), min_size=2, max_size=2, unique=True))
def test_another_aad_never_decrypts(client: Client, key: kms.CryptoKey, aads: list[bytes]) -> None:
    sealed = client.encrypt(
        {"name": key.name, "plaintext": b"text", "additional_authenticated_data": aads[0]}
    )
    with pytest.raises(InvalidArgument, match="Decryption failed"):
        client.decrypt(
            {"name": key.name, "ciphertext": sealed.ciphertext, "additional_authenticated_data": aads[1]}
        )


@pytest.mark.parametrize("kept", [0, 1, 16, 32])
def test_a_cut_ciphertext_never_decrypts(client: Client, key: kms.CryptoKey, kept: int) -> None:
    sealed = client.encrypt(name=key.name, plaintext=b"text")
    with pytest.raises(InvalidArgument, match="Decryption failed"):
        client.decrypt(name=key.name, ciphertext=sealed.ciphertext[:kept])


def test_another_keys_ciphertext_never_decrypts(
    client: Client, key: kms.CryptoKey, hsm_key: kms.CryptoKey
) -> None:
    sealed = client.encrypt(name=key.name, plaintext=b"text")
    with pytest.raises(InvalidArgument, match="Decryption failed"):
        client.decrypt(name=hsm_key.name, ciphertext=sealed.ciphertext)


def test_software_keys_take_64_kib_of_each(client: Client, key: kms.CryptoKey) -> None:
    text, aad = b"t" * 64 * KIB, b"a" * 64 * KIB
    sealed = client.encrypt({"name": key.name, "plaintext": text, "additional_authenticated_data": aad})
    opened = client.decrypt(
        {"name": key.name, "ciphertext": sealed.ciphertext, "additional_authenticated_data": aad}
    )
    assert opened.plaintext == text
    with pytest.raises(InvalidArgument, match="plaintext must be <= 64KiB"):
        client.encrypt(name=key.name, plaintext=text + b"t")
    with pytest.raises(InvalidArgument, match="additional_authenticated_data must be <= 64KiB"):
        client.encrypt({"name": key.name, "plaintext": b"", "additional_authenticated_data": aad + b"a"})


def test_hsm_keys_take_8_kib_of_both_together(client: Client, hsm_key: kms.CryptoKey) -> None:
    request = {
        "name": hsm_key.name,
        "plaintext": b"t" * 6 * KIB,
        "additional_authenticated_data": b"a" * 2 * KIB,
    }
    sealed = client.encrypt(request)
    assert sealed.protection_level == kms.ProtectionLevel.HSM
    request["plaintext"] += b"t"
    with pytest.raises(InvalidArgument, match="8KiB"):
        client.encrypt(request)


def test_older_versions_decrypt_and_say_that_they_are_not_primary(client: Client, key: kms.CryptoKey) -> None:
    sealed = client.encrypt(name=key.name, plaintext=b"text")
    version = client.create_crypto_key_version(parent=key.name, crypto_key_version={})
    client.update_crypto_key_primary_version(
        name=key.name, crypto_key_version_id=version.name.rpartition("/")[2]
    )
    assert client.encrypt(name=key.name, plaintext=b"text").name == version.name
    opened = client.decrypt(name=key.name, ciphertext=sealed.ciphertext)
    assert (opened.plaintext, opened.used_primary) == (b"text", False)


def test_encrypt_takes_a_versions_name_and_decrypt_does_not(client: Client, key: kms.CryptoKey) -> None:
    client.create_crypto_key_version(parent=key.name, crypto_key_version={})
    second = f"{key.name}/cryptoKeyVersions/2"
    sealed = client.encrypt(name=second, plaintext=b"text")
    assert sealed.name == second
    with pytest.raises(InvalidArgument):
        client.decrypt(name=second, ciphertext=sealed.ciphertext)


def test_a_disabled_version_refuses_both_ways(client: Client, key: kms.CryptoKey) -> None:
    sealed = client.encrypt(name=key.name, plaintext=b"text")
    disabled = {"name": key.primary.name, "state": "DISABLED"}
    client.update_crypto_key_version(crypto_key_version=disabled, update_mask={"paths": ["state"]})
    with pytest.raises(FailedPrecondition, match="DISABLED"):
        client.encrypt(name=key.name, plaintext=b"text")
    with pytest.raises(FailedPrecondition, match="DISABLED"):
        client.decrypt(name=key.name, ciphertext=sealed.ciphertext)


def test_an_unknown_key_is_not_found(client: Client, ring: str) -> None:
    with pytest.raises(NotFound):
        client.encrypt(name=f"{ring}/cryptoKeys/none", plaintext=b"text")
