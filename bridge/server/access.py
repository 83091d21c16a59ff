"""On whose behalf objects are read and written, and what their ACLs allow."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, false, func, not_, or_, true

from bridge.server.auth import require_permission
from bridge.server.http import Json, JsonObject
from bridge.server.values import Condition, document_value


@dataclass(frozen=True)
class Access:
    """The master key, or the names under which an ACL may grant something: `*`, the user's id, `role:NAME`.

    `client` is the client id of one whose socket's session token came along.
    """

    master: bool = False
    names: tuple[str, ...] = ("*",)
    client: str | None = None

    def may(self, right: Literal["read", "write"], document: JsonObject) -> bool:
        """Whether the object's ACL lets this caller do so; an object without one is open to all."""
        acl = document.get("ACL")
        if self.master or acl is None:
            return True
        if not isinstance(acl, dict):
            return False
        grants = [acl.get(name) for name in self.names]
        return any(isinstance(grant, dict) and grant.get(right) is True for grant in grants)

    def readable(self, document: ColumnElement[Json], dialect: str) -> Condition:
        """The same question about the rows of a query."""
        if self.master:
            return true()
        acl = document_value(document, ["ACL"], dialect)
        grants = [
            document_value(document, ["ACL", name, "read"], dialect).boolean(True) for name in self.names
        ]
        absent = or_(not_(acl.present()), acl.is_kind("null"))
        return or_(func.coalesce(absent, false()), *(func.coalesce(grant, false()) for grant in grants))

    def may_query(self, class_name: str) -> None:
        """Code 403 for a class that is closed to this caller's queries."""
        require_permission(self, class_name, "find")


MASTER = Access(master=True)
"""The platform itself, and callers with the master key."""
