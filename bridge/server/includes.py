"""`include`: pointers in the objects of an answer replaced by the objects that they point to."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.access import Access
from bridge.server.documents import key_path
from bridge.server.errors import BAD_ARGUMENT
from bridge.server.http import Json, JsonObject
from bridge.server.objects import Objects
from bridge.server.rows import Ref
from bridge.server.users import without_secrets

MAX_INCLUDES = 20
MAX_DEPTH = 3


async def include(
    connection: AsyncConnection,
    objects: Objects,
    rows: Sequence[JsonObject],
    keys: Sequence[str],
    access: Access,
) -> None:
    """Replaces the pointers at these keys of the rows, in place; what the caller may not read stays a pointer."""
    paths = [tuple(key_path(key)) for key in keys]
    if len(paths) > MAX_INCLUDES or any(len(path) > MAX_DEPTH for path in paths):
        raise BAD_ARGUMENT(f"'include' names at most {MAX_INCLUDES} keys, each at most {MAX_DEPTH} deep")
    done: set[tuple[str, ...]] = set()
    for path in sorted(paths, key=len):
        for depth in range(1, len(path) + 1):
            if path[:depth] not in done:
                done.add(path[:depth])
                await _include_one(connection, objects, rows, path[:depth], access)


async def _include_one(
    connection: AsyncConnection,
    objects: Objects,
    rows: Sequence[JsonObject],
    path: tuple[str, ...],
    access: Access,
) -> None:
    waiting: defaultdict[Ref, list[JsonObject]] = defaultdict(list)
    for row in rows:
        for pointer in _pointers(row, path):
            waiting[Ref(str(pointer["className"]), str(pointer["objectId"]))].append(pointer)
    for class_name in {ref.class_name for ref in waiting}:
        ids = [ref.object_id for ref in waiting if ref.class_name == class_name]
        for row in await objects.get_many(connection, class_name, ids, access):
            shown = without_secrets(class_name, row, access)
            for pointer in waiting[Ref(class_name, str(row["objectId"]))]:
                pointer.update({**shown, "__type": "Object", "className": class_name})


def _pointers(node: Json, path: tuple[str, ...]) -> Iterator[JsonObject]:
    """The pointers at a path; an array on the way stands for each of its elements."""
    if isinstance(node, list):
        for item in node:
            yield from _pointers(item, path)
    elif isinstance(node, dict):
        if path:
            yield from _pointers(node.get(path[0]), path[1:])
        elif node.get("__type") == "Pointer":
            yield node
