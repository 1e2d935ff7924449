"""The bank's settings, from the environment."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A third party (TPP) that is registered at the bank."""

    id: str
    secret: str
    redirect_uris: tuple[str, ...]
    name: str

    def __repr__(self) -> str:
        return f"Client(id={self.id!r})"


class BankSettings(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    """Public base URL, without a slash at its end."""
    project: str
    database: str
    clients: dict[str, Client]
    access_token_seconds: int = 600
    refresh_token_days: int = 180
    code_seconds: int = 60
    session_seconds: int = 600
    slow_seconds: float = 40.0
    """How long `slow` waits for account data, and `refresh-timeout` for the answer to its first refresh."""

    @property
    def secure(self) -> bool:
        return self.url.startswith("https://")


class _ClientEntry(msgspec.Struct, kw_only=True):
    secret: str
    redirect_uris: tuple[str, ...]
    name: str = ""


def load_bank_settings(environ: Mapping[str, str]) -> BankSettings:
    """From TOK_PROJECT and TOK_SANDBOX_BANK_*; KeyError names what is missing."""
    entries = msgspec.json.decode(environ["TOK_SANDBOX_BANK_CLIENTS"], type=dict[str, _ClientEntry])
    return BankSettings(
        url=environ["TOK_SANDBOX_BANK_URL"].rstrip("/"),
        project=environ["TOK_PROJECT"],
        database=environ.get("TOK_SANDBOX_BANK_DATABASE", "sandbox-bank"),
        clients={
            client_id: Client(
                id=client_id,
                secret=entry.secret,
                redirect_uris=entry.redirect_uris,
                name=entry.name or client_id,
            )
            for client_id, entry in entries.items()
        },
        access_token_seconds=int(environ.get("TOK_SANDBOX_BANK_ACCESS_TOKEN_SECONDS", "600")),
        slow_seconds=float(environ.get("TOK_SANDBOX_BANK_SLOW_SECONDS", "40")),
    )
