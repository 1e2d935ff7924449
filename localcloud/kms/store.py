"""Where key rings, keys, versions and their key material live: `kms.sqlite3`, readable by its owner alone.

Resources are kept as the API's own messages. Times pass by themselves here: a version whose destruction is due is
destroyed, and a key whose rotation is due is rotated, when it is next looked at.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from google.cloud.kms_v1.types import resources

from localcloud.clock import Clock
from localcloud.grpc_server import Message, already_exists, not_found
from localcloud.kms import names
from localcloud.sqlite import open_database, transaction

KeyRing: Any = resources.KeyRing.pb()
CryptoKey: Any = resources.CryptoKey.pb()
CryptoKeyVersion: Any = resources.CryptoKeyVersion.pb()

_SCHEMA = """
CREATE TABLE IF NOT EXISTS key_rings (name TEXT PRIMARY KEY, location TEXT NOT NULL, message BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, ring TEXT NOT NULL, message BLOB NOT NULL,
                                 primary_number INTEGER);
CREATE TABLE IF NOT EXISTS versions (key TEXT NOT NULL, number INTEGER NOT NULL, message BLOB NOT NULL,
                                     material BLOB, PRIMARY KEY (key, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS key_rings_by_location ON key_rings (location, name);
CREATE INDEX IF NOT EXISTS keys_by_ring ON keys (ring, name);
"""


class Store:
    def __init__(self, data: Path, *, clock: Clock) -> None:
        self.clock = clock
        self.database = open_database(data / "kms.sqlite3", schema=_SCHEMA)

    def close(self) -> None:
        self.database.close()

    def add_key_ring(self, ring: Message, *, location: str) -> None:
        added = self.database.execute(
            "INSERT INTO key_rings VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (ring.name, location, ring.SerializeToString()),
        )
        if not added.rowcount:
            raise already_exists(f"KeyRing {ring.name} already exists.")

    def key_ring(self, name: str) -> Message:
        row = self.database.execute("SELECT message FROM key_rings WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise not_found(f"KeyRing {name} not found.")
        return KeyRing.FromString(row[0])

    def key_rings(self, location: str, *, after: str, limit: int) -> list[tuple[str, Message]]:
        rows = self.database.execute(
            "SELECT name, message FROM key_rings WHERE location = ? AND name > ? ORDER BY name LIMIT ?",
            (location, after, limit),
        )
        return [(name, KeyRing.FromString(message)) for name, message in rows]

    def add_key(self, key: Message, *, ring: str, with_version: bool) -> None:
        with transaction(self.database):
            added = self.database.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (key.name, ring, key.SerializeToString(), 1 if with_version else None),
            )
            if not added.rowcount:
                raise already_exists(f"CryptoKey {key.name} already exists.")
            if with_version:
                self._add_version(key)

    def key(self, name: str) -> Message:
        """The key with its primary version filled in. Rotates it first when that is due."""
        message, primary = self.key_and_primary(name)
        if primary is not None:
            message.primary.CopyFrom(self.version(name, primary))
        return message

    def key_and_primary(self, name: str) -> tuple[Message, int | None]:
        """The bare key and its primary's number. Rotates it first when that is due."""
        row = self.database.execute(
            "SELECT message, primary_number FROM keys WHERE name = ?", (name,)
        ).fetchone()
        if row is None:
            raise not_found(f"CryptoKey {name} not found.")
        message, primary = CryptoKey.FromString(row[0]), row[1]
        if message.HasField("next_rotation_time"):
            primary = self._rotate_if_due(message, primary)
        return message, primary

    def keys(self, ring: str, *, after: str, limit: int) -> list[tuple[str, Message]]:
        rows = self.database.execute(
            "SELECT name FROM keys WHERE ring = ? AND name > ? ORDER BY name LIMIT ?", (ring, after, limit)
        ).fetchall()
        return [(name, self.key(name)) for (name,) in rows]

    def count(self, table: str, *, column: str, value: str) -> int:
        query = f"SELECT count(*) FROM {table} WHERE {column} = ?"  # noqa: S608 - both names are this package's
        return int(self.database.execute(query, (value,)).fetchone()[0])

    def save_key(self, key: Message) -> None:
        bare = CryptoKey()
        bare.CopyFrom(key)
        bare.ClearField("primary")
        self.database.execute(
            "UPDATE keys SET message = ? WHERE name = ?", (bare.SerializeToString(), bare.name)
        )

    def set_primary(self, key_name: str, number: int) -> None:
        self.database.execute("UPDATE keys SET primary_number = ? WHERE name = ?", (number, key_name))

    def add_version(self, key: Message) -> Message:
        with transaction(self.database):
            return self.version(key.name, self._add_version(key))

    def version(self, key_name: str, number: int) -> Message:
        return self.version_and_material(key_name, number)[0]

    def version_and_material(self, key_name: str, number: int) -> tuple[Message, bytes | None]:
        row = self.database.execute(
            "SELECT message, material FROM versions WHERE key = ? AND number = ?", (key_name, number)
        ).fetchone()
        if row is None:
            raise not_found(f"CryptoKeyVersion {names.version_name(key_name, number)} not found.")
        message, material = CryptoKeyVersion.FromString(row[0]), row[1]
        if message.HasField("destroy_time") and message.destroy_time.ToMicroseconds() <= self.clock.now_us():
            message.state = CryptoKeyVersion.DESTROYED
            message.destroy_event_time.CopyFrom(message.destroy_time)
            message.ClearField("destroy_time")
            self.database.execute(
                "UPDATE versions SET message = ?, material = NULL WHERE key = ? AND number = ?",
                (message.SerializeToString(), key_name, number),
            )
            material = None
            # Until then the write-ahead log would still hold what was overwritten.
            self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return message, material

    def versions(self, key_name: str, *, after: int, limit: int) -> list[tuple[str, Message]]:
        rows = self.database.execute(
            "SELECT number FROM versions WHERE key = ? AND number > ? ORDER BY number LIMIT ?",
            (key_name, after, limit),
        ).fetchall()
        return [(str(number), self.version(key_name, number)) for (number,) in rows]

    def save_version(self, version: Message, *, key_name: str, number: int) -> None:
        self.database.execute(
            "UPDATE versions SET message = ? WHERE key = ? AND number = ?",
            (version.SerializeToString(), key_name, number),
        )

    def _add_version(self, key: Message) -> int:
        newest = self.database.execute("SELECT max(number) FROM versions WHERE key = ?", (key.name,))
        number: int = (newest.fetchone()[0] or 0) + 1
        version = CryptoKeyVersion(
            name=names.version_name(key.name, number),
            state=CryptoKeyVersion.ENABLED,
            protection_level=key.version_template.protection_level,
            algorithm=key.version_template.algorithm,
        )
        version.create_time.FromMicroseconds(self.clock.now_us())
        version.generate_time.CopyFrom(version.create_time)
        self.database.execute(
            "INSERT INTO versions VALUES (?, ?, ?, ?)",
            (key.name, number, version.SerializeToString(), secrets.token_bytes(32)),
        )
        return number

    def _rotate_if_due(self, key: Message, primary: int | None) -> int | None:
        due_us, now_us = key.next_rotation_time.ToMicroseconds(), self.clock.now_us()
        if due_us > now_us:
            return primary
        with transaction(self.database):
            primary = self._add_version(key)
            if key.HasField("rotation_period"):
                period_us = key.rotation_period.ToMicroseconds()
                # One version for all the periods that passed while nobody looked.
                passed = (now_us - due_us) // period_us + 1
                key.next_rotation_time.FromMicroseconds(due_us + passed * period_us)
            else:
                key.ClearField("next_rotation_time")
            self.save_key(key)
            self.set_primary(key.name, primary)
        return primary
