"""Hyperlinks, absolute or relative to the host as the bank does it."""

from __future__ import annotations

from urllib.parse import urlsplit

from xs2a_bank.banks import Bank
from xs2a_bank.context import Context


def link(context: Context, bank: Bank, path: str) -> dict[str, str]:
    """`path` follows the bank's base, as in /v1/accounts."""
    base = context.settings.url if bank.absolute_links else urlsplit(context.settings.url).path
    return {"href": f"{base}/{bank.id}{path}"}


def metadata_link(context: Context, bank: Bank) -> dict[str, str]:
    """Always absolute: it leads to another server than the one that was asked."""
    return {"href": metadata_url(context, bank)}


def metadata_url(context: Context, bank: Bank) -> str:
    """Where RFC 8414 section 3.1 puts it for an issuer with a path."""
    parts = urlsplit(context.settings.url)
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}/{bank.id}"
