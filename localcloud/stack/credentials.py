"""What a stack keeps secret: made at its first start, kept in its folder for its owner alone."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from typing import Any

from localcloud.stack.folder import StackFolder

FILE = "secrets.json"


def load_or_create(folder: StackFolder, *, bank_ids: Iterable[str]) -> dict[str, Any]:
    """{signingKey, bankClients: {bankId: [client id, secret]}}, and `apiKeys` and `tierKeys` once there are some."""
    known = folder.read(FILE)
    clients = dict(known.get("bankClients", {}))
    for bank_id in bank_ids:
        clients.setdefault(bank_id, [f"tok-{bank_id}", secrets.token_urlsafe(32)])
    signing_key = known.get("signingKey") or base64.b64encode(secrets.token_bytes(32)).decode()
    current = {**known, "signingKey": signing_key, "bankClients": clients}
    if current != known:
        folder.write(FILE, current)
    return current
