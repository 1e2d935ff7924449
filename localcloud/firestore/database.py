"""One database: its documents by name, by collection and by collection group."""

from __future__ import annotations

from collections.abc import Iterable

from localcloud.firestore.messages import Document
from localcloud.firestore.names import collection_id_of, collection_of
from localcloud.firestore.scope import Scope, Stored

ALL_COLLECTIONS = ""


class Database:
    """Groups are built on the first query over them; the group "" is every document (recursive queries)."""

    def __init__(self) -> None:
        self.documents: dict[str, Stored] = {}
        self.collections: dict[str, Scope] = {}
        self._groups: dict[str, Scope] = {}

    def get(self, name: str) -> Document | None:
        """The document as stored, not a copy, or None."""
        stored = self.documents.get(name)
        return None if stored is None else stored.document

    def put(self, name: str, document: Document | None) -> None:
        """Store the document under the name, or remove it."""
        old = self.documents.get(name)
        new = None if document is None else Stored(document)
        if old is None and new is None:
            return
        path = collection_of(name)
        collection = self.collections.get(path)
        if collection is None:
            collection = self.collections[path] = Scope({})
        collection.replace(old, new)
        for group_id in (collection_id_of(path), ALL_COLLECTIONS):
            group = self._groups.get(group_id)
            if group is not None:
                group.replace(old, new)
        if new is not None:
            self.documents[name] = new
        else:
            del self.documents[name]
            if not collection.documents:
                del self.collections[path]

    def copy(self) -> Database:
        """The same documents, to be changed apart from this one."""
        twin = Database()
        twin.documents = dict(self.documents)
        for path, collection in self.collections.items():
            twin.collections[path] = Scope(collection.documents)
        return twin

    def collection(self, path: str) -> Scope:
        """The documents directly in the collection."""
        return self.collections.get(path) or Scope({})

    def group(self, collection_id: str) -> Scope:
        """The documents of every collection with the id."""
        group = self._groups.get(collection_id)
        if group is None:
            group = self._groups[collection_id] = Scope({})
            for path, collection in self.collections.items():
                if collection_id in (ALL_COLLECTIONS, collection_id_of(path)):
                    group.documents.update(collection.documents)
        return group

    def collection_ids(self, parent: str) -> list[str]:
        """The ids of collections under the document (or root), even where only deeper documents exist."""
        prefix = f"{parent}/"
        paths: Iterable[str] = (path for path in self.collections if path.startswith(prefix))
        return sorted({path[len(prefix) :].partition("/")[0] for path in paths})

    def missing_documents(self, collection: str) -> set[str]:
        """The names of documents in the collection that do not exist but have documents below them."""
        prefix = f"{collection}/"
        names = {
            prefix + path[len(prefix) :].partition("/")[0]
            for path in self.collections
            if path.startswith(prefix)
        }
        return {name for name in names if name not in self.documents}
