"""Storage classes as callers of REST see them: permissions, ACLs, and the rules of the platform's own classes."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server.access import MASTER, Access
from bridge.server.auth import Caller, require_permission
from bridge.server.conversations import Conversations
from bridge.server.documents import check_class_name
from bridge.server.errors import OBJECT_ID_MISSING, SESSION_TOKEN_EXPIRED, USER_NOT_FOUND
from bridge.server.http import JsonObject
from bridge.server.kicks import kicked_since
from bridge.server.objects import Objects, Query
from bridge.server.rows import CONVERSATION, OWN_KEYS, Ref
from bridge.server.settings import ServerSettings
from bridge.server.users import USER, check_user, without_secrets
from bridge.server.wire.tokens import admit

_FLAGS = ("__ignore_hooks",)
"""What SDKs put beside the columns of an object; there are no storage hooks here to ignore."""

MAX_ROLES = 50


class Storage:
    """What one caller may do with objects; every method is part of the transaction whose connection it is given."""

    def __init__(self, settings: ServerSettings, objects: Objects, conversations: Conversations) -> None:
        self._settings = settings
        self._objects = objects
        self._conversations = conversations

    async def access_of(self, connection: AsyncConnection, caller: Caller) -> Access:
        """The master key, the user of the session token with its roles, or anybody; code 211 for a stale token.

        A client's token from its socket is told as well (4112 when that is stale).
        """
        if caller.master:
            return MASTER
        client = await self._client_of(connection, caller.im_session) if caller.im_session else None
        if not caller.session:
            return Access(client=client)
        users = await self._objects.find(
            connection, Query(USER, {"sessionToken": caller.session}, limit=1), MASTER
        )
        if not users:
            raise USER_NOT_FOUND("the session token is of nobody")
        user_id = str(users[0]["objectId"])
        names = ("*", user_id, *await self._role_names(connection, user_id))
        return Access(names=names, client=client)

    async def _client_of(self, connection: AsyncConnection, token: str) -> str:
        ticket = admit(self._settings, token)
        if ticket is None or ticket.expires_at <= self._settings.clock():
            raise SESSION_TOKEN_EXPIRED("the session token is not valid any more")
        if await kicked_since(connection, ticket.client_id, ticket.since):
            raise SESSION_TOKEN_EXPIRED("the client was kicked after this session had begun")
        return ticket.client_id

    async def _role_names(self, connection: AsyncConnection, user_id: str) -> list[str]:
        """The roles that a user has, those that these roles belong to included."""
        found = await self._objects.related(connection, "_Role", "users", Ref(USER, user_id))
        for role_id in found:
            above = await self._objects.related(connection, "_Role", "roles", Ref("_Role", role_id))
            found += [one for one in above if one not in found]
            if len(found) > MAX_ROLES:
                break
        roles = await self._objects.find(connection, Query("_Role", {"objectId": {"$in": [*found]}}), MASTER)
        return [f"role:{role['name']}" for role in roles if isinstance(role.get("name"), str)]

    async def create(
        self, connection: AsyncConnection, access: Access, class_name: str, body: JsonObject
    ) -> JsonObject:
        """Makes an object; with the master key, one that is imported keeps the id and times that it brings along."""
        require_permission(access, check_class_name(class_name), "create")
        own: JsonObject = {}
        if access.master:
            own = {key: body[key] for key in OWN_KEYS if key in body}
        columns = {key: value for key, value in body.items() if key not in own and key not in _FLAGS}
        if class_name == USER:
            columns = await check_user(connection, self._objects, columns, None)
        if class_name == CONVERSATION:
            return await self._conversations.create_row(connection, columns, own)
        return await self._objects.create(connection, class_name, columns, own)

    async def get(self, connection: AsyncConnection, access: Access, ref: Ref) -> JsonObject | None:
        """The object, or None."""
        require_permission(access, ref.class_name, "get")
        row = await self._objects.get(connection, ref, access)
        return None if row is None else without_secrets(ref.class_name, row, access)

    async def find(self, connection: AsyncConnection, access: Access, query: Query) -> list[JsonObject]:
        """The objects that meet the query."""
        require_permission(access, query.class_name, "find")
        rows = await self._objects.find(connection, query, access) if query.limit else []
        return [without_secrets(query.class_name, row, access) for row in rows]

    async def count(self, connection: AsyncConnection, access: Access, query: Query) -> int:
        """How many objects meet the query."""
        require_permission(access, query.class_name, "find")
        return await self._objects.count(connection, query, access)

    async def scan(
        self, connection: AsyncConnection, query: Query, key: str, after: str | None
    ) -> tuple[list[JsonObject], str | None]:
        """A page of a class in the order of a key, and the cursor of the next; for the master key."""
        rows, cursor = await self._objects.scan(connection, query, key, after)
        return [without_secrets(query.class_name, row, MASTER) for row in rows], cursor

    async def update(
        self,
        connection: AsyncConnection,
        access: Access,
        ref: Ref,
        body: JsonObject,
        where: JsonObject | None = None,
    ) -> JsonObject:
        """Changes an object that meets `where`."""
        require_permission(access, check_class_name(ref.class_name), "update")
        _require_id(ref)
        changes = {key: value for key, value in body.items() if key not in _FLAGS}
        if ref.class_name == USER:
            changes = await check_user(connection, self._objects, changes, ref.object_id)
        row = await self._objects.update(connection, ref, changes, access, where)
        return without_secrets(ref.class_name, row, access)

    async def delete(
        self, connection: AsyncConnection, access: Access, ref: Ref, where: JsonObject | None = None
    ) -> None:
        """Removes an object that meets `where`."""
        require_permission(access, check_class_name(ref.class_name), "delete")
        _require_id(ref)
        await self._objects.delete(connection, ref, access, where)


def _require_id(ref: Ref) -> None:
    if not ref.object_id:
        raise OBJECT_ID_MISSING("the path names no object")
