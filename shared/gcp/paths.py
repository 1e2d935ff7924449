"""Where documents live. Every path of bank data starts at an organisation; nothing else builds a path.

Exceptions: an API key, an invitation and an OAuth state are found by their hashes before an organisation is known, and
a user's organisations by the user; how a bank is doing (counts and times of our own calls) is the same for everybody;
and what an organisation has used of its rate limit is no data of its own: its members may never read it.
"""

from __future__ import annotations


def organisation(organisation_id: str) -> str:
    return f"organisations/{organisation_id}"


def membership(user_id: str) -> str:
    """Which organisations a user belongs to."""
    return f"memberships/{user_id}"


def sign_in(subject: str) -> str:
    """Whose the issuer's own id is: what firestore.rules find a user by."""
    return f"signIns/{subject}"


def sign_ins() -> str:
    return "signIns"


def membership_idempotency(user_id: str, record_hash: str) -> str:
    """Of requests that are made before there is an organisation."""
    return f"memberships/{user_id}/idempotency/{record_hash}"


def users(organisation_id: str) -> str:
    return f"organisations/{organisation_id}/users"


def user(organisation_id: str, user_id: str) -> str:
    return f"organisations/{organisation_id}/users/{user_id}"


def invitations(organisation_id: str) -> str:
    return f"organisations/{organisation_id}/invitations"


def invitation(organisation_id: str, invitation_id: str) -> str:
    return f"organisations/{organisation_id}/invitations/{invitation_id}"


def invitation_hashes() -> str:
    return "invitationHashes"


def invitation_hash(token_hash: str) -> str:
    return f"invitationHashes/{token_hash}"


def email(organisation_id: str, email_id: str) -> str:
    """A letter that waits to be sent."""
    return f"organisations/{organisation_id}/emails/{email_id}"


def api_keys(organisation_id: str) -> str:
    return f"organisations/{organisation_id}/apiKeys"


def api_key(organisation_id: str, key_id: str) -> str:
    return f"organisations/{organisation_id}/apiKeys/{key_id}"


def api_key_hashes() -> str:
    return "apiKeyHashes"


def api_key_hash(key_hash: str) -> str:
    return f"apiKeyHashes/{key_hash}"


def key_use(organisation_id: str, key_id: str) -> str:
    """In the data database, on its way to the control plane: the day on which a key was last used."""
    return f"organisations/{organisation_id}/keyUse/{key_id}"


def audit(organisation_id: str) -> str:
    return f"organisations/{organisation_id}/audit"


def audit_entry(organisation_id: str, entry_id: str) -> str:
    return f"organisations/{organisation_id}/audit/{entry_id}"


def audit_outbox(organisation_id: str) -> str:
    """In the data database, on their way to the control plane: entries of what was done to bank data."""
    return f"organisations/{organisation_id}/auditOutbox"


def audit_outbox_entry(organisation_id: str, entry_id: str) -> str:
    return f"organisations/{organisation_id}/auditOutbox/{entry_id}"


def oauth_state(state_hash: str) -> str:
    return f"oauthStates/{state_hash}"


def rate_limit(organisation_id: str) -> str:
    return f"rateLimits/{organisation_id}"


def oauth_states() -> str:
    return "oauthStates"


def bank_health(bank_id: str) -> str:
    return f"banks/{bank_id}"


def sandbox_bank_health(organisation_id: str, bank_id: str) -> str:
    return f"organisations/{organisation_id}/banks/{bank_id}"


def sandbox_clock(organisation_id: str) -> str:
    return f"organisations/{organisation_id}/sandbox/clock"


def idempotency(organisation_id: str, record_hash: str) -> str:
    return f"organisations/{organisation_id}/idempotency/{record_hash}"


def consents(organisation_id: str) -> str:
    return f"organisations/{organisation_id}/consents"


def consent(organisation_id: str, consent_id: str) -> str:
    return f"organisations/{organisation_id}/consents/{consent_id}"


def consent_histories(organisation_id: str, consent_id: str) -> str:
    return f"{consent(organisation_id, consent_id)}/history"


def consent_history(organisation_id: str, consent_id: str, revision: int) -> str:
    return f"{consent_histories(organisation_id, consent_id)}/{revision:06d}"


def consent_tokens(organisation_id: str, consent_id: str) -> str:
    return f"{consent(organisation_id, consent_id)}/secrets/tokens"


def accounts(organisation_id: str) -> str:
    return f"organisations/{organisation_id}/accounts"


def account(organisation_id: str, account_id: str) -> str:
    return f"organisations/{organisation_id}/accounts/{account_id}"


def pages(organisation_id: str, account_id: str) -> str:
    return f"{account(organisation_id, account_id)}/pages"


def page(organisation_id: str, account_id: str, lower: str) -> str:
    return f"{pages(organisation_id, account_id)}/{lower}"


def account_erasure(organisation_id: str, account_id: str) -> str:
    return f"organisations/{organisation_id}/erasures/{account_id}"


def organisation_erasure(organisation_id: str) -> str:
    """In the control plane, outside the organisation: it stays when the organisation is gone."""
    return f"erasures/{organisation_id}"


def organisation_erasures() -> str:
    return "erasures"


HEAD = "~"
"""`lower` of the document that says whether an account's data may be read: it sorts above every page."""


def head(organisation_id: str, account_id: str) -> str:
    return f"{pages(organisation_id, account_id)}/~head"


def pending(organisation_id: str, account_id: str) -> str:
    """Has no `lower`, so that no query over pages meets it."""
    return f"{pages(organisation_id, account_id)}/~pending"


def gone(organisation_id: str, account_id: str) -> str:
    """Rows that were taken out. No `lower` either."""
    return f"{pages(organisation_id, account_id)}/~gone"


def changes(organisation_id: str, account_id: str, number: int) -> str:
    """The change feed, numbered from 1 without a gap."""
    return f"{account(organisation_id, account_id)}/changes/{number:010d}"


def reading_part(organisation_id: str, consent_id: str, number: int) -> str:
    """What a sync has read and not yet entered, numbered from 1."""
    return f"{consent(organisation_id, consent_id)}/reading/{number:06d}"
