from tests.localcloud.firestore.conftest import firestore_address, project

__all__ = ["firestore_address", "project"]
