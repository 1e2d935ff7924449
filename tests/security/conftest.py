from tests.contract.conftest import visitor
from tests.unit.firestore import firestore_address, project
from tests.unit.use_cases.conftest import data, new_world, raw, world

__all__ = ["data", "firestore_address", "new_world", "project", "raw", "visitor", "world"]
