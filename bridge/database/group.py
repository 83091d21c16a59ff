"""Group commit: whatever is asked for while one transaction runs goes together into the next."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Connection

from bridge.database.engine import Database

Item = TypeVar("Item")
Result = TypeVar("Result")

# Keeps one transaction's parameters well under SQLite's 32,766 and its locks short.
LARGEST_GROUP = 1_000


class GroupCommit(Generic[Item, Result]):
    """Gives each caller its own result once the transaction that it shared is durable.

    `apply` does the work for a group, in its order, and answers as many results. When it raises, the transaction
    is undone and every caller of the group gets the error. A caller that is canceled does not undo its item.
    """

    def __init__(
        self,
        database: Database,
        apply: Callable[[Connection, Sequence[Item]], Sequence[Result]],
    ) -> None:
        self._database = database
        self._apply = apply
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._draining: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        """Durable when this returns."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        return await future

    async def finish(self) -> None:
        """Wait until everything asked for so far is durable."""
        if self._draining is not None:
            await asyncio.wait([self._draining])

    async def _drain(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
                await self._commit(group)
        finally:
            self._draining = None

    async def _commit(self, group: Sequence[tuple[Item, "asyncio.Future[Result]"]]) -> None:
        try:
            items = [item for item, _ in group]
            results = await self._database.write(lambda connection: self._apply(connection, items))
        except Exception as error:  # noqa: BLE001 - every caller of the group hears of it
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), result in zip(group, results, strict=True):
                if not future.done():
                    future.set_result(result)
