"""What happens to keys as time passes: rotation and destruction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.api_core.exceptions import FailedPrecondition, InvalidArgument
from google.cloud import kms
from test_utils.system import unique_resource_id

from localcloud.clock import set_clock_offset
from tests.localcloud.kms.conftest import kms_client
from tests.localcloud.server_process import ServerProcess

Client = kms.KeyManagementServiceClient
DAY_SECONDS = 24 * 3600


@pytest.fixture(autouse=True)
def present_time(data: Path) -> Iterator[None]:
    yield
    set_clock_offset(data / "clock.json", offset_seconds=0)


def rotating_key(client: Client, ring: str) -> kms.CryptoKey:
    return client.create_crypto_key(
        parent=ring,
        crypto_key_id=f"rotating{unique_resource_id('-')}",
        crypto_key={
            "purpose": "ENCRYPT_DECRYPT",
            "rotation_period": timedelta(days=90),
            "next_rotation_time": datetime.now(UTC) + timedelta(days=90),
        },
    )


def test_a_key_rotates_when_its_period_has_passed(client: Client, ring: str, data: Path) -> None:
    key = rotating_key(client, ring)
    sealed = client.encrypt(name=key.name, plaintext=b"text")

    set_clock_offset(data / "clock.json", offset_seconds=91 * DAY_SECONDS)
    resealed = client.encrypt(name=key.name, plaintext=b"text")
    assert resealed.name == f"{key.name}/cryptoKeyVersions/2"
    opened = client.decrypt(name=key.name, ciphertext=sealed.ciphertext)
    assert (opened.plaintext, opened.used_primary) == (b"text", False)
    rotated = client.get_crypto_key(name=key.name)
    assert rotated.next_rotation_time == key.next_rotation_time + timedelta(days=90)

    # Three more periods passed unseen: one rotation makes up for them.
    set_clock_offset(data / "clock.json", offset_seconds=361 * DAY_SECONDS)
    rotated = client.get_crypto_key(name=key.name)
    assert rotated.primary.name == f"{key.name}/cryptoKeyVersions/3"
    assert rotated.next_rotation_time == key.next_rotation_time + timedelta(days=360)


def test_rotation_must_be_a_day_or_more_and_in_the_future(client: Client, ring: str) -> None:
    now = datetime.now(UTC)
    for period, first in ((timedelta(hours=23), timedelta(days=1)), (timedelta(days=1), timedelta(days=-1))):
        with pytest.raises(InvalidArgument):
            client.create_crypto_key(
                parent=ring,
                crypto_key_id="refused",
                crypto_key={
                    "purpose": "ENCRYPT_DECRYPT",
                    "rotation_period": period,
                    "next_rotation_time": now + first,
                },
            )


def test_a_destroyed_versions_key_material_is_gone_from_the_disk(tmp_path: Path) -> None:
    server = ServerProcess("localcloud.kms", tmp_path)
    own = kms_client(server.address)
    own.create_key_ring(parent="projects/tok/locations/europe-west1", key_ring_id="ring", key_ring={})
    parent = "projects/tok/locations/europe-west1/keyRings/ring"
    made = own.create_crypto_key(
        parent=parent, crypto_key_id="key", crypto_key={"purpose": "ENCRYPT_DECRYPT"}
    )
    sealed = own.encrypt(name=made.name, plaintext=b"text")
    server.kill()
    with closing(sqlite3.connect(tmp_path / "kms.sqlite3")) as database:
        material = database.execute("SELECT material FROM versions").fetchone()[0]
    assert len(material) == 32

    server = ServerProcess("localcloud.kms", tmp_path)
    own = kms_client(server.address)
    own.destroy_crypto_key_version(name=made.primary.name)
    set_clock_offset(tmp_path / "clock.json", offset_seconds=31 * DAY_SECONDS)
    version = own.get_crypto_key_version(name=made.primary.name)
    assert version.state == kms.CryptoKeyVersion.CryptoKeyVersionState.DESTROYED
    assert version.destroy_event_time
    with pytest.raises(FailedPrecondition):
        own.restore_crypto_key_version(name=made.primary.name)
    with pytest.raises(FailedPrecondition, match="DESTROYED"):
        own.decrypt(name=made.name, ciphertext=sealed.ciphertext)
    assert not any(material in file.read_bytes() for file in tmp_path.iterdir())
    server.terminate()
