"""Fetching what messages link to: a link comes from any user, so it may lead only to public addresses."""

import asyncio
import contextlib
import ipaddress
import mimetypes
import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp
import stamina
from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.moving.folder import FILES, sync_folder
from bridge.moving.links import is_link, key_of, name_of

REDIRECTS = 5
_CHUNK = 64 * 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NotHad(Exception):
    """A file that cannot be had; says why. Trying again in a while may help."""


class _Passing(NotHad):
    """A failure that may pass at once."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be fetched, and how much of it at once."""

    private_addresses: bool = False
    """Whether loopback, private and link-local addresses may be asked: only where no stranger writes messages."""
    most_bytes: int = 200 * 1024 * 1024
    concurrency: int = 8
    seconds: float = 900.0
    """One file, from the first byte to the last."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also when it is wrapped in another."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None and not is_public(str(inner)):
            return False
    return ip.is_global and not ip.is_multicast


class _PublicResolver(AbstractResolver):
    """Looks names up and gives public addresses alone: the connection is made to what was checked."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        addresses = [(kind, where[0]) for kind, _, _, _, where in found if is_public(str(where[0]))]
        if not addresses:
            raise NotHad("it leads to a private address")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=kind,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Downloads:
    """Files by their URLs, each kept once as `files/HASH-OF-URL/NAME`. To be used as a context."""

    def __init__(self, folder: Path, rules: Rules) -> None:
        self._folder = folder / FILES
        self._rules = rules
        self._places = asyncio.Semaphore(rules.concurrency)
        resolver = None if rules.private_addresses else _PublicResolver()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=rules.concurrency, resolver=resolver, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=rules.seconds, connect=10, sock_read=30),
            auto_decompress=True,
        )

    async def __aenter__(self) -> "Downloads":
        await asyncio.to_thread(self._clean)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    def _clean(self) -> None:
        self._folder.mkdir(exist_ok=True)
        for left in self._folder.glob(".*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def has(self, url: str) -> bool:
        """Whether its contents are here already."""
        return (self._folder / key_of(url)).is_dir()

    def count(self) -> int:
        """How many files are here."""
        return sum(1 for one in self._folder.iterdir() if not one.name.startswith("."))

    async def fetch(self, url: str) -> int:
        """Keeps what the URL leads to and gives its size in bytes; NotHad when that cannot be."""
        attempts = stamina.retry_context(on=_Passing, attempts=3, wait_initial=0.2, wait_max=2.0)
        async with self._places:
            async for attempt in attempts:
                with attempt:
                    return await self._attempt(url)
        raise AssertionError("retrying ends with a file or an error")

    async def _attempt(self, url: str) -> int:
        try:
            return await self._follow(url)
        except (aiohttp.InvalidURL, ValueError) as error:
            raise NotHad("its address cannot be used") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, NotHad) else None
            raise cause or _Passing(f"the connection failed ({type(error).__name__})") from error

    async def _follow(self, url: str) -> int:
        at = url
        for _ in range(REDIRECTS + 1):
            self._check(at)
            async with self._session.get(at, allow_redirects=False) as response:
                if response.status in (301, 302, 303, 307, 308):
                    at = urljoin(at, response.headers.get("Location", ""))
                    continue
                if response.status >= 500 or response.status == 429:
                    raise _Passing(f"HTTP {response.status}")
                if response.status != 200:
                    raise NotHad(f"HTTP {response.status}")
                return await self._keep(url, response)
        raise NotHad("it redirects too often")

    def _check(self, url: str) -> None:
        if not is_link(url):
            raise NotHad("it is no http(s) address")
        host = urlsplit(url).hostname or ""
        with contextlib.suppress(ValueError):
            # A name is checked when it is looked up; an address is never looked up.
            ipaddress.ip_address(host.partition("%")[0])
            if not self._rules.private_addresses and not is_public(host):
                raise NotHad("it leads to a private address")

    async def _keep(self, url: str, response: aiohttp.ClientResponse) -> int:
        if (response.content_length or 0) > self._rules.most_bytes:
            raise NotHad(f"it is larger than {self._rules.most_bytes:,} bytes")
        part = self._folder / f".{secrets.token_hex(8)}"
        size = 0
        try:
            with await asyncio.to_thread(part.open, "wb") as file:
                async for chunk in response.content.iter_chunked(_CHUNK):
                    size += len(chunk)
                    if size > self._rules.most_bytes:
                        raise NotHad(f"it is larger than {self._rules.most_bytes:,} bytes")
                    await asyncio.to_thread(file.write, chunk)
            extension = mimetypes.guess_extension(response.content_type)
            await asyncio.to_thread(self._place, part, url, name_of(url, extension))
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        return size

    def _place(self, part: Path, url: str, name: str) -> None:
        """Puts a complete file into its folder, and that folder in place as a whole."""
        with part.open("rb") as file:
            os.fsync(file.fileno())
        made = part.with_name(f"{part.name}.d")
        made.mkdir()
        part.rename(made / name)
        sync_folder(made)
        final = self._folder / key_of(url)
        if final.exists():
            (made / name).unlink()
            made.rmdir()
        else:
            made.rename(final)
