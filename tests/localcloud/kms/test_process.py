"""The server as a process: what it prints, how it ends, what outlives it."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from tests.localcloud.kms.conftest import kms_client
from tests.localcloud.server_process import ServerProcess

PARENT = "projects/tok/locations/europe-west1"


def test_it_prints_one_line_and_ends_cleanly(tmp_path: Path) -> None:
    for end in (ServerProcess.terminate, ServerProcess.interrupt):
        server = ServerProcess("localcloud.kms", tmp_path)
        assert re.fullmatch(r"listening on 127\.0\.0\.1:[0-9]+\n", server.first_line)
        assert end(server) == 0
        assert server.rest_of_output() == ""


def test_keys_outlive_a_kill(tmp_path: Path) -> None:
    server = ServerProcess("localcloud.kms", tmp_path)
    client = kms_client(server.address)
    ring = client.create_key_ring(parent=PARENT, key_ring_id="ring", key_ring={}).name
    key = client.create_crypto_key(
        parent=ring, crypto_key_id="key", crypto_key={"purpose": "ENCRYPT_DECRYPT"}
    )
    client.create_crypto_key_version(parent=key.name, crypto_key_version={})
    client.update_crypto_key_primary_version(name=key.name, crypto_key_version_id="2")
    sealed = client.encrypt(name=key.name, plaintext=b"text")
    server.kill()

    server = ServerProcess("localcloud.kms", tmp_path)
    client = kms_client(server.address)
    assert client.get_crypto_key(name=key.name).primary.name.endswith("/2")
    assert client.decrypt(name=key.name, ciphertext=sealed.ciphertext).plaintext == b"text"
    server.terminate()


def test_its_files_are_its_owners_alone(tmp_path: Path) -> None:
    server = ServerProcess("localcloud.kms", tmp_path)
    kms_client(server.address).create_key_ring(parent=PARENT, key_ring_id="ring", key_ring={})
    files = list(tmp_path.iterdir())
    assert files
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    server.terminate()


def test_a_second_server_gets_neither_the_port_nor_the_data(tmp_path: Path) -> None:
    server = ServerProcess("localcloud.kms", tmp_path / "first")
    with pytest.raises(RuntimeError, match="did not start"):
        ServerProcess("localcloud.kms", tmp_path / "second", port=server.port)
    with pytest.raises(RuntimeError, match="did not start"):
        ServerProcess("localcloud.kms", tmp_path / "first")
    server.terminate()
