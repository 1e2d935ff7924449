from tests.unit.firestore import firestore_address, project

__all__ = ["firestore_address", "project"]
