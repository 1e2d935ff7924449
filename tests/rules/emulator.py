"""Google's Firestore emulator over REST, as a browser with an unsigned token meets it. The client library shows the
emulator `Bearer owner`, which no rule sees."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
RULES = ROOT / "firestore.rules"
PROJECT = "tok-rules"
DATABASES = ("(default)", "live", "sandbox", "sandbox-bank")
CONTROL = "(default)"

_OWNER = {"Authorization": "Bearer owner"}


def unsigned_token(uid: str, **claims: object) -> str:
    """What Identity Platform would have signed for this user; the emulator evaluates it without a signature."""
    body = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": uid,
        "user_id": uid,
        "iat": 1,
        "auth_time": 1,
        "exp": 9_999_999_999,
        **claims,
    }
    return ".".join((_part({"alg": "none", "typ": "JWT"}), _part(body), ""))


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class RulesEmulator:
    """The rules of the repository, in force on every database of one project."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=f"http://{address}", trust_env=False, timeout=30)
        rules = {"rules": {"files": [{"name": RULES.name, "content": RULES.read_text()}]}}
        for database in DATABASES:
            reply = self._http.put(f"{self._admin(database)}:securityRules", json=rules)
            assert reply.status_code == 200, reply.text

    def close(self) -> None:
        self._http.close()

    def put(self, database: str, path: str, fields: dict[str, str]) -> None:
        """As a function writes: past the rules."""
        reply = self._http.patch(self._document(database, path), json=_fields(fields), headers=_OWNER)
        assert reply.status_code == 200, reply.text

    def get(self, database: str, path: str, *, token: str | None) -> int:
        return self._http.get(self._document(database, path), headers=_shown(token)).status_code

    def list(self, database: str, path: str, *, token: str | None) -> int:
        """Of the collection that the document at `path` is in; a page of 100, which is REST's default."""
        collection = path.rpartition("/")[0]
        return self._http.get(self._document(database, collection), headers=_shown(token)).status_code

    def query(
        self,
        database: str,
        path: str,
        *,
        token: str | None,
        all_descendants: bool = False,
        limit: int | None = 100,
    ) -> int:
        """A query over the collection of `path`, or over every collection of that name in the database."""
        parent, collection, _ = ("/" + path).rsplit("/", 2)
        root = f"/v1/projects/{PROJECT}/databases/{database}/documents"
        query: dict[str, Any] = {"from": [{"collectionId": collection, "allDescendants": all_descendants}]}
        if limit is not None:
            query["limit"] = limit
        where = root if all_descendants else f"{root}{parent}"
        return self._http.post(
            f"{where}:runQuery", json={"structuredQuery": query}, headers=_shown(token)
        ).status_code

    def create(self, database: str, path: str, *, token: str | None) -> int:
        collection, _, _ = path.rpartition("/")
        return self._http.post(
            self._document(database, collection),
            params={"documentId": "made-by-a-client"},
            json=_fields({"role": "owner"}),
            headers=_shown(token),
        ).status_code

    def update(self, database: str, path: str, *, token: str | None) -> int:
        return self._http.patch(
            self._document(database, path),
            params={"updateMask.fieldPaths": "role"},
            json=_fields({"role": "owner"}),
            headers=_shown(token),
        ).status_code

    def delete(self, database: str, path: str, *, token: str | None) -> int:
        return self._http.delete(self._document(database, path), headers=_shown(token)).status_code

    def coverage(self, database: str) -> list[dict[str, Any]]:
        """Every expression of the rules: `sourcePosition`, and the `values` that it had, each with its `count`."""
        report = self._http.get(f"{self._admin(database)}:ruleCoverage").raise_for_status().json()
        return list(_flat(report.get("report", ())))

    def _admin(self, database: str) -> str:
        return f"/emulator/v1/projects/{PROJECT}/databases/{database}"

    def _document(self, database: str, path: str) -> str:
        return f"/v1/projects/{PROJECT}/databases/{database}/documents/{path}"


def _shown(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _fields(fields: dict[str, str]) -> dict[str, Any]:
    return {"fields": {name: {"stringValue": value} for name, value in fields.items()}}


def _flat(nodes: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        yield node
        yield from _flat(node.get("children", ()))
