from tests.unit.firestore import firestore_address, project
from tests.unit.use_cases.conftest import data, raw, world

__all__ = ["data", "firestore_address", "project", "raw", "world"]
