"""Files that people upload: what the app is told of one, and its content for whoever holds the app's token."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.playground.lookup_methods import need, needs_scope
from bridge.playground.model import Json, SlackError
from bridge.playground.state import State

_LISTED = {"public": "channels", "private": "groups", "direct": "ims"}


def files_info(state: State, args: Json) -> Json:
    """One file. Raises `file_not_found` for one that was shared nowhere where the bot is."""
    (reference,) = need(args, "file")
    file = state.files.get(reference)
    if file is None or not _is_seen(state, file):
        raise SlackError("file_not_found")
    if file["deleted"]:
        raise SlackError("file_deleted")
    return {"file": file_json(state, file), "comments": [], "response_metadata": {"next_cursor": ""}}


def file_json(state: State, file: Json) -> Json:
    """A file as Slack describes it to the app."""
    places: dict[str, list[str]] = {kind: [] for kind in _LISTED.values()}
    for each in file["channels"]:
        places[_LISTED[state.channels[each].kind]].append(each)
    private = f"{file['kept_at'] or state.base_url}/files-pri/{state.team.id}-{file['id']}"
    name = quote(file["name"], safe="")
    return {
        **{field: file[field] for field in ("id", "name", "title", "size", "mimetype", "user")},
        **places,
        "mode": "hosted",
        "is_external": file["kept_at"] is not None,
        "is_public": bool(places["channels"]),
        "url_private": f"{private}/{name}",
        "url_private_download": f"{private}/download/{name}",
        "permalink": f"{state.base_url}/files/{file['user']}/{file['id']}/{name}",
    }


def private_content(state: State, request: Request) -> Response:
    """A file's bytes; whoever shows no token that may read it is led to the sign-in page, as a browser would be."""
    team, _, file_id = request.path_params["ticket"].partition("-")
    file = state.files.get(file_id)
    allowed = request.headers.get("authorization") == f"Bearer {state.app.bot_token}"
    try:
        needs_scope(state, "files:read")
    except SlackError:
        allowed = False
    if not allowed or file is None or team != state.team.id or not _is_seen(state, file) or file["deleted"]:
        return RedirectResponse(f"{state.base_url}/?redir={request.url.path}", 302)
    return Response(file["content"], media_type=file["mimetype"])


def _is_seen(state: State, file: Json) -> bool:
    bot = state.app.user_id
    return file["user"] == bot or any(bot in state.channels[each].members for each in file["channels"])
