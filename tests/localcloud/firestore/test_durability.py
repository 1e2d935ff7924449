"""A server killed at any moment: every acknowledged commit is there, and none is there by half.

TOK_DURABILITY_SEED chooses other moments for the kills.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud.firestore import Client

from tests.localcloud.firestore.serving import connect, start_server, stop_server

ROUNDS = 4
SEED = int(os.environ.get("TOK_DURABILITY_SEED", "20260228"))


def _write_until_killed(address: str, project: str, worker: int, acknowledged: dict[int, int]) -> None:
    """Commits of three documents that carry the same number; the last number known to be stored is noted."""
    client: Client = connect(Client, address, project=project)
    number = acknowledged.get(worker, 0)
    while True:
        number += 1
        batch = client.batch()
        for part in range(3):
            batch.set(client.document(f"w{worker}/part{part}"), {"n": number, "pad": b"x" * 20_000})
        batch.set(client.document(f"w{worker}/part0/log/{number}"), {"n": number})
        try:
            batch.commit(retry=None, timeout=10)
        except GoogleAPICallError:
            return
        acknowledged[worker] = number


def _check(address: str, project: str, acknowledged: dict[int, int]) -> None:
    client: Client = connect(Client, address, project=project)
    for worker, number in acknowledged.items():
        parts = {snapshot.get("n") for snapshot in client.collection(f"w{worker}").stream()}
        assert len(parts) == 1, f"half a commit: {parts}"
        (stored,) = parts
        assert stored in (number, number + 1)
        log = [
            snapshot.get("n") for snapshot in client.collection(f"w{worker}/part0/log").order_by("n").stream()
        ]
        assert log == list(range(1, stored + 1))
        acknowledged[worker] = stored


def test_kill_9(tmp_path: Path, project: str) -> None:
    moments = random.Random(SEED)
    acknowledged: dict[int, int] = {}
    process, address = start_server(tmp_path)
    try:
        for _ in range(ROUNDS):
            workers = [
                threading.Thread(target=_write_until_killed, args=(address, project, worker, acknowledged))
                for worker in range(3)
            ]
            for worker in workers:
                worker.start()
            threading.Event().wait(moments.uniform(0.05, 0.8))
            process.send_signal(signal.SIGKILL)
            process.wait(30)
            for worker in workers:
                worker.join(60)
            process, address = start_server(tmp_path)
            _check(address, project, acknowledged)
    finally:
        stop_server(process)
    assert sum(acknowledged.values()) > 0


def test_a_clean_stop_keeps_everything(tmp_path: Path, project: str) -> None:
    process, address = start_server(tmp_path)
    client: Client = connect(Client, address, project=project)
    created = client.document("c/d").set({"n": 1}).update_time
    client.document("c/gone").set({})
    client.document("c/gone").delete()
    assert stop_server(process) == 0
    process, address = start_server(tmp_path)
    try:
        client = connect(Client, address, project=project)
        found = list(client.collection("c").stream())
        assert [(s.id, s.to_dict(), s.update_time) for s in found] == [("d", {"n": 1}, created)]
    finally:
        assert stop_server(process, signal.SIGINT) == 0


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    process, _ = start_server(tmp_path)
    try:
        with pytest.raises(subprocess.CalledProcessError) as caught:
            start_server(tmp_path)
        assert "another server" in str(caught.value.stderr)
    finally:
        stop_server(process)


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "firestore.sqlite3").write_bytes(b"not a database, " * 100)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        start_server(tmp_path)
    error: Any = caught.value.stderr
    assert "cannot open" in error
