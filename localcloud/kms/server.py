"""The calls of google.cloud.kms.v1.KeyManagementService that are served here."""

from __future__ import annotations

from google.cloud.kms_v1.types import service

from localcloud.grpc_server import Method, Service
from localcloud.kms.cryption import Cryption, DecryptResponse, EncryptResponse
from localcloud.kms.crypto_keys import CryptoKeys, ListCryptoKeysResponse
from localcloud.kms.key_rings import KeyRings, ListKeyRingsResponse
from localcloud.kms.store import CryptoKey, CryptoKeyVersion, KeyRing, Store
from localcloud.kms.versions import ListCryptoKeyVersionsResponse, Versions


def key_management_service(store: Store) -> Service:
    rings, keys, versions, cryption = KeyRings(store), CryptoKeys(store), Versions(store), Cryption(store)
    handlers = {
        "CreateKeyRing": (rings.create, KeyRing),
        "GetKeyRing": (rings.get, KeyRing),
        "ListKeyRings": (rings.list, ListKeyRingsResponse),
        "CreateCryptoKey": (keys.create, CryptoKey),
        "GetCryptoKey": (keys.get, CryptoKey),
        "ListCryptoKeys": (keys.list, ListCryptoKeysResponse),
        "UpdateCryptoKey": (keys.update, CryptoKey),
        "UpdateCryptoKeyPrimaryVersion": (keys.set_primary, CryptoKey),
        "CreateCryptoKeyVersion": (versions.create, CryptoKeyVersion),
        "GetCryptoKeyVersion": (versions.get, CryptoKeyVersion),
        "ListCryptoKeyVersions": (versions.list, ListCryptoKeyVersionsResponse),
        "UpdateCryptoKeyVersion": (versions.update, CryptoKeyVersion),
        "DestroyCryptoKeyVersion": (versions.destroy, CryptoKeyVersion),
        "RestoreCryptoKeyVersion": (versions.restore, CryptoKeyVersion),
        "Encrypt": (cryption.encrypt, EncryptResponse),
        "Decrypt": (cryption.decrypt, DecryptResponse),
    }
    return Service(
        name="google.cloud.kms.v1.KeyManagementService",
        methods={
            name: Method(handle=handle, request=getattr(service, f"{name}Request").pb(), reply=reply)
            for name, (handle, reply) in handlers.items()
        },
    )
