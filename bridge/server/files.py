"""Files of messages that were moved here: `/files/HASH/NAME`, for whoever has the link, as the service served them."""

import asyncio
import mimetypes
import re
import stat
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from bridge.server.errors import PATH_NOT_FOUND

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_SHOWN = re.compile(r"(?:audio|video)/[\w.+-]+\Z|image/(?:avif|bmp|gif|heic|heif|jpeg|png|webp)\Z")
"""What a browser may show; all else (pages, scripts, SVG) came from strangers and is only saved."""

_YEAR_SECONDS = 31_536_000


async def serve(request: Request) -> Response:
    """GET /files/{hash}/{name}; range requests are understood."""
    folder: Path | None = request.app.state.server.settings.files_folder
    key, name = request.path_params["hash"], request.path_params["name"]
    if folder is None or not _HASH.match(key) or name.startswith(".") or "\x00" in name or "\\" in name:
        raise PATH_NOT_FOUND("no such file")
    path = folder / key / name
    try:
        found = await asyncio.to_thread(path.lstat)
    except OSError as problem:
        raise PATH_NOT_FOUND("no such file") from problem
    if not stat.S_ISREG(found.st_mode):
        raise PATH_NOT_FOUND("no such file")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    shown = _SHOWN.match(kind) is not None
    return FileResponse(
        path,
        media_type=kind if shown else "application/octet-stream",
        filename=name,
        content_disposition_type="inline" if shown else "attachment",
        headers={
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            # A file's address is made of where it came from: what is behind it never changes.
            "Cache-Control": f"public, max-age={_YEAR_SECONDS}, immutable",
        },
    )


routes = [Route("/files/{hash}/{name}", serve)]
