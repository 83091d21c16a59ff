"""The conversations that a client refuses to be pulled into: its own blacklist, over the socket."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.server import restrictions
from bridge.server.errors import BAD_ARGUMENT, CONVERSATION_NOT_FOUND, OPERATION_UNAUTHORIZED
from bridge.server.fields import CLIENTS_A_CALL
from bridge.server.http import JsonObject, Parameters
from bridge.server.restrictions import BLOCKED_ELSEWHERE, Restriction
from bridge.server.targets import load_targets
from bridge.server.wire.sessions import Session
from bridge.server.wire.signatures import check_client_blacklist


def are_meant(fields: Parameters) -> bool:
    """Whether a blacklist command is about a client's own list: it names no conversation whose list it could be."""
    return not fields.text("srcCid") and ("srcPid" in fields or "toCids" in fields)


async def refuse(session: Session, fields: Parameters) -> JsonObject:
    """Puts conversations on the list; who is in one of them stays in it. Code 4303 for one that does not exist."""
    conv_ids = _conversations(session, fields)
    _check(session, fields, conv_ids, "client-block-conversations")
    async with session.server.engine.write() as connection:
        await _require_all(connection, conv_ids)
        for conv_id in sorted(conv_ids):
            await restrictions.restrict(
                connection, conv_id, Restriction.REFUSED, [session.client_id], BLOCKED_ELSEWHERE
            )
    return {"srcPid": session.client_id, "toCids": [*conv_ids], "blockedCids": [*conv_ids]}


async def accept(session: Session, fields: Parameters) -> JsonObject:
    """Takes conversations off the list; those that are not on it are passed over."""
    conv_ids = _conversations(session, fields)
    _check(session, fields, conv_ids, "client-unblock-conversations")
    async with session.server.engine.write() as connection:
        for conv_id in sorted(conv_ids):
            await restrictions.release(connection, conv_id, Restriction.REFUSED, [session.client_id])
    return {"srcPid": session.client_id, "toCids": [*conv_ids]}


async def listed(session: Session, fields: Parameters) -> JsonObject:
    """A page of the list."""
    _require_own(session, fields)
    async with session.server.engine.read() as connection:
        page = await restrictions.page_of_client(connection, session.client_id, fields)
    body: JsonObject = {"srcPid": session.client_id, "blockedCids": page["conv_ids"]}
    return body | ({"next": page["next"]} if "next" in page else {})


async def among(session: Session, fields: Parameters) -> JsonObject:
    """Those of some conversations that are on the list."""
    conv_ids, me = _conversations(session, fields), session.client_id
    async with session.server.engine.read() as connection:
        refused = [
            conv_id
            for conv_id in conv_ids
            if await restrictions.restricted(connection, conv_id, Restriction.REFUSED, [me])
        ]
    return {"srcPid": me, "blockedCids": [*refused]}


def _conversations(session: Session, fields: Parameters) -> Sequence[str]:
    _require_own(session, fields)
    conv_ids = [*dict.fromkeys(one for one in fields.texts("toCids") or () if one)]
    if not 1 <= len(conv_ids) <= CLIENTS_A_CALL:
        raise BAD_ARGUMENT(f"'toCids' is required: at most {CLIENTS_A_CALL} conversations")
    return conv_ids


def _require_own(session: Session, fields: Parameters) -> None:
    if fields.text("srcPid") not in (None, "", session.client_id):
        raise OPERATION_UNAUTHORIZED("a client refuses conversations for itself alone")


def _check(session: Session, fields: Parameters, conv_ids: Sequence[str], action: str) -> None:
    check_client_blacklist(session.server.settings, session.client_id, fields, conv_ids, action)


async def _require_all(connection: AsyncConnection, conv_ids: Sequence[str]) -> None:
    missing = set(conv_ids) - (await connection.run_sync(load_targets, conv_ids)).keys()
    if missing:
        raise CONVERSATION_NOT_FOUND(f"no conversation '{min(missing)[:64]}'")
