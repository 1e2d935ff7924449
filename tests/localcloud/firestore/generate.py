"""Seeded random documents, queries and commits as raw request messages, for comparing two servers."""

from __future__ import annotations

from random import Random
from typing import Any

from localcloud.firestore.messages import StructuredQuery, Value, request_class

FIELDS = ("a", "b", "c")
COLLECTIONS = ("c", "p/x/c", "p/x-y/c")
IDS = 60

_OP = StructuredQuery.FieldFilter
_OPERATORS = (_OP.LESS_THAN, _OP.LESS_THAN_OR_EQUAL, _OP.GREATER_THAN, _OP.GREATER_THAN_OR_EQUAL)
_OPERATORS += (_OP.EQUAL, _OP.EQUAL, _OP.EQUAL, _OP.NOT_EQUAL, _OP.ARRAY_CONTAINS)
_LIST_OPERATORS = (_OP.IN, _OP.ARRAY_CONTAINS_ANY, _OP.NOT_IN)
_NUMBERS = (0, 1, 2, 3, -1, 2**53 + 1, 2**63 - 1)
_DOUBLES = (0.0, 1.0, 1.5, -0.0, 2.0**53, float("nan"), float("inf"), float("-inf"))
_STRINGS = ("", "a", "b", "č", "😀", "\uffff", "ab")


class Generator:
    """Everything follows from the seed; `database` is projects/…/databases/…"""

    def __init__(self, seed: object, *, database: str) -> None:
        self.random = Random(str(seed))
        self.database = database
        self.root = f"{database}/documents"

    def scalar(self) -> Any:
        pick = self.random.choice
        return pick(
            (
                lambda: Value(null_value=0),
                lambda: Value(boolean_value=pick((True, False))),
                lambda: Value(integer_value=pick(_NUMBERS)),
                lambda: Value(integer_value=pick(_NUMBERS)),
                lambda: Value(double_value=pick(_DOUBLES)),
                lambda: Value(string_value=pick(_STRINGS)),
                lambda: Value(bytes_value=pick((b"", b"a", b"\xff"))),
                lambda: Value(timestamp_value={"seconds": self.random.randrange(3)}),
                lambda: Value(reference_value=self.name(ids=3)),
                lambda: Value(geo_point_value={"latitude": self.random.randrange(2), "longitude": 1}),
            )
        )()

    def value(self) -> Any:
        kind = self.random.randrange(8)
        if kind == 0:
            return self.array(self.random.randrange(4))
        if kind == 1:
            value = Value()
            value.map_value.SetInParent()
            for name in self.random.sample("xyz", self.random.randrange(3)):
                value.map_value.fields[name].CopyFrom(self.scalar())
            return value
        return self.scalar()

    def array(self, length: int) -> Any:
        value = Value()
        value.array_value.SetInParent()
        value.array_value.values.extend(self.scalar() for _ in range(length))
        return value

    def name(self, *, ids: int = IDS) -> str:
        return f"{self.root}/{self.random.choice(COLLECTIONS)}/d{self.random.randrange(ids)}"

    def documents(self) -> Any:
        """One commit that fills the collections."""
        request = request_class("Commit")(database=self.database)
        for number in range(IDS):
            write = request.writes.add()
            write.update.name = f"{self.root}/{self.random.choice(COLLECTIONS)}/d{number}"
            for field in FIELDS:
                if self.random.random() < 0.8:
                    write.update.fields[field].CopyFrom(self.value())
        return request

    def _leaf(self) -> Any:
        found = StructuredQuery.Filter()
        field = self.random.choice(("a", "a", "b", "c", "a.x", "__name__"))
        if field != "__name__" and self.random.random() < 0.12:
            found.unary_filter.field.field_path = field
            found.unary_filter.op = self.random.choice((2, 3, 4, 5))
            return found
        operand = self.value if field != "__name__" else lambda: Value(reference_value=self.name())
        found.field_filter.field.field_path = field
        if self.random.random() < 0.25:
            found.field_filter.op = self.random.choice(_LIST_OPERATORS)
            operands = [operand() for _ in range(self.random.randrange(1, 4))]
            found.field_filter.value.array_value.values.extend(operands)
        else:
            found.field_filter.op = self.random.choice(_OPERATORS)
            found.field_filter.value.CopyFrom(operand())
        return found

    def _filter(self, depth: int = 0) -> Any:
        if depth == 2 or self.random.random() < 0.5:
            return self._leaf()
        found = StructuredQuery.Filter()
        found.composite_filter.op = self.random.choice((1, 1, 2))
        found.composite_filter.filters.extend(
            self._filter(depth + 1) for _ in range(self.random.randrange(1, 4))
        )
        return found

    def query(self) -> Any:
        """A RunQuery request."""
        request = request_class("RunQuery")(parent=self.root)
        query = request.structured_query
        query.from_.add(collection_id="c", all_descendants=self.random.random() < 0.3)
        if self.random.random() < 0.75:
            query.where.CopyFrom(self._filter())
        for _ in range(self.random.choice((0, 0, 1, 1, 2))):
            field = self.random.choice(("a", "b", "c", "a.x", "__name__"))
            query.order_by.add(field={"field_path": field}, direction=self.random.randrange(3))
        if query.order_by:
            self._cursors(query)
        if self.random.random() < 0.3:
            query.limit.value = self.random.randrange(6)
        if self.random.random() < 0.2:
            query.offset = self.random.randrange(4)
        if self.random.random() < 0.2:
            query.select.fields.add(field_path=self.random.choice(("a", "a.x", "__name__")))
        return request

    def _cursors(self, query: Any) -> None:
        for cursor in (query.start_at, query.end_at):
            if self.random.random() < 0.7:
                continue
            cursor.before = self.random.random() < 0.5
            for order in list(query.order_by)[: self.random.randrange(1, 3)]:
                is_name = order.field.field_path == "__name__"
                cursor.values.append(
                    Value(reference_value=f"{self.root}/c/d{self.random.randrange(IDS)}")
                    if is_name
                    else self.value()
                )

    def aggregation(self) -> Any:
        """A RunAggregationQuery request over one of the random queries."""
        query = self.query()
        query.structured_query.ClearField("select")
        request = request_class("RunAggregationQuery")(parent=query.parent)
        asked = request.structured_aggregation_query
        asked.structured_query.CopyFrom(query.structured_query)
        for _ in range(self.random.choice((1, 1, 2, 3))):
            kind = self.random.choice(("count", "sum", "avg"))
            aggregation = asked.aggregations.add()
            if kind == "count":
                aggregation.count.SetInParent()
                if self.random.random() < 0.3:
                    aggregation.count.up_to.value = self.random.randrange(1, 20)
            else:
                getattr(aggregation, kind).field.field_path = self.random.choice(FIELDS)
        return request

    def commit(self) -> Any:
        """A Commit of one to three writes on few documents, many of which cannot succeed."""
        request = request_class("Commit")(database=self.database)
        for _ in range(self.random.choice((1, 1, 2, 3))):
            self._write(request.writes.add())
        return request

    def _write(self, write: Any) -> None:
        name = f"{self.root}/w/d{self.random.randrange(4)}"
        if self.random.random() < 0.15:
            write.delete = name
        else:
            write.update.name = name
            for field in self.random.sample(FIELDS, self.random.randrange(3)):
                write.update.fields[field].CopyFrom(self.value())
            if self.random.random() < 0.5:
                write.update_mask.SetInParent()
                paths = self.random.sample((*FIELDS, "a.x", "b.y"), self.random.randrange(3))
                write.update_mask.field_paths.extend(paths)
            for _ in range(self.random.choice((0, 0, 0, 1, 2))):
                self._transform(write.update_transforms.add())
        if self.random.random() < 0.3:
            write.current_document.exists = self.random.random() < 0.6

    def _transform(self, transform: Any) -> None:
        transform.field_path = self.random.choice((*FIELDS, "t.u"))
        kind = self.random.choice(("increment", "maximum", "minimum", "append", "remove"))
        if kind in ("append", "remove"):
            field = "append_missing_elements" if kind == "append" else "remove_all_from_array"
            operands = self.array(self.random.randrange(1, 4)).array_value
            getattr(transform, field).CopyFrom(operands)
        else:
            number = Value(integer_value=self.random.choice(_NUMBERS))
            if self.random.random() < 0.4:
                number = Value(double_value=self.random.choice(_DOUBLES))
            getattr(transform, kind).CopyFrom(number)
