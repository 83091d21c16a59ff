"""The part of storage (v1.1) that the realtime API has no path for: going through a whole class by cursor."""

from collections.abc import AsyncIterator

from bridge.realtime import wire
from bridge.realtime.models import Page
from bridge.realtime.protocol import PAGE, V1, Call, Caller, query
from bridge.realtime.wire import Row


class Storage(Caller):
    """The calls on classes."""

    async def scan(
        self, class_name: str, *, where: Row | None = None, cursor: str | None = None, limit: int = PAGE
    ) -> Page[Row]:
        """A page of a class's rows as stored; the cursor is valid for 10 minutes."""
        params = query({"where": where and dict(where), "cursor": cursor, "limit": limit})
        segments = ["scan", "classes", class_name]
        return await self.ask(Call("GET", segments, _rows, params=params, acts=False, root=V1))

    async def iterate_class(self, class_name: str, *, where: Row | None = None) -> AsyncIterator[Row]:
        """All rows of a class, such as `_Conversation` or `_SysMessage`, a page in memory; none twice."""
        cursor: str | None = None
        while True:
            page = await self.scan(class_name, where=where, cursor=cursor)
            for row in page.items:
                yield row
            if page.next is None or page.next == cursor:
                return
            cursor = page.next


def _rows(value: object) -> Page[Row]:
    row = wire.as_row(value)
    rows = tuple(wire.as_row(item) for item in wire.as_list(row.get("results")))
    return Page(rows, wire.optional_text(row, "cursor") or None)
