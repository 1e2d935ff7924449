from __future__ import annotations

import msgspec

from shared.domain.bank_data import BankTokens
from shared.domain.errors import NotDecryptable
from shared.use_cases.ports import SealedTokens


class FakeVault:
    """Binds tokens to their place as the real one does, without hiding them."""

    def seal(self, tokens: BankTokens, *, organisation_id: str, consent_id: str) -> SealedTokens:
        place = f"{organisation_id}/{consent_id}".encode()
        return SealedTokens(format=1, wrapped_key=place, nonce=b"", ciphertext=msgspec.json.encode(tokens))

    def open(self, sealed: SealedTokens, *, organisation_id: str, consent_id: str) -> BankTokens:
        if sealed.wrapped_key != f"{organisation_id}/{consent_id}".encode():
            raise NotDecryptable("moved")
        return msgspec.json.decode(sealed.ciphertext, type=BankTokens)
