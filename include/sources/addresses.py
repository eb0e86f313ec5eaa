"""Which URLs and which network addresses a download may touch.

A catalogue's metadata is written by strangers, so a URL in it is hostile until shown otherwise: it may point at the
cloud's metadata service, at a database on this machine, or at a name that changes its address between the check and the
connection. Hence one parser, one look-up, a closed list of hosts, and every address checked.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Collection, Sequence

import httpx

from include.sources.errors import ForbiddenUrl, SourceUnavailable

Resolver = Callable[[str, int], Sequence[str]]
"""Gives every address of a host name and port, as text."""

LONGEST_URL = 8192
_LONGEST_SHOWN = 200
_HOST_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")

_NOT_PUBLIC = tuple(
    (ipaddress.ip_network(network), reason)
    for network, reason in (
        # IPv4, from the IANA special-purpose registry; `is_global` differs between Python's patch releases.
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local, where clouds keep their metadata service"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        # IPv6: inside the global unicast block, what is not global after all or hides an IPv4 address.
        ("2001::/23", "protocol assignments and Teredo"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4, which hides an IPv4 address"),
        ("3fff::/20", "documentation"),
    )
)
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


def why_not_public(address: str) -> str | None:
    """Say why ``address`` is not on the public Internet, or None when it is.

    An IPv4 address mapped into IPv6 is judged as what it is; one that is translated (NAT64, 6to4, Teredo) is refused.

    >>> why_not_public("207.241.224.2"), why_not_public("2606:4700::1111")
    (None, None)
    >>> why_not_public("::ffff:10.0.0.1")
    'private'
    >>> why_not_public("64:ff9b::a9fe:a9fe")
    'outside the global unicast block'
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "no network address"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            return "scoped to one network interface"
        if parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        elif parsed not in _GLOBAL_UNICAST:
            return "outside the global unicast block"
    for network, reason in _NOT_PUBLIC:
        if parsed.version == network.version and parsed in network:
            return reason
    return None if parsed.is_global else "not global"


def is_loopback_address(address: str) -> bool:
    """Say whether ``address`` is this very machine.

    >>> is_loopback_address("127.0.0.53"), is_loopback_address("::1"), is_loopback_address("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def resolve_with_system(host: str, port: int) -> list[str]:
    """Look ``host`` up with the system's resolver, each address once, in its order.

    :raises OSError: when the name has no address.
    """
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in answers))


def checked_addresses(host: str, port: int, resolver: Resolver, *, loopback: bool = False) -> list[str]:
    """Look ``host`` up once and return its addresses, all of which are public (or all of them loopback).

    One bad address among good ones refuses the whole name: who mixes them means harm.

    :raises ForbiddenUrl: when an address is not public, or with ``loopback`` not of this machine.
    :raises SourceUnavailable: when the name has no address.
    """
    try:
        addresses = list(resolver(host, port))
    except OSError as error:
        raise SourceUnavailable(f"{host} has no address ({error}): check the name and this machine's DNS") from error
    if not addresses:
        raise SourceUnavailable(f"{host} has no address: check the name and this machine's DNS")
    for address in addresses:
        if loopback:
            reason = None if is_loopback_address(address) else "not of this machine, as a loopback host must be"
        else:
            reason = why_not_public(address)
        if reason is not None:
            raise ForbiddenUrl(f"{host} resolves to {address}, which is {reason}: not connected")
    return addresses


def shown(url: httpx.URL | str) -> str:
    """Write a URL for a message: without user, password, query and fragment, which may hold secrets, and not too long.

    >>> shown("https://me:secret@archive.org/download/a/b.mp3?token=abc#x")
    'https://archive.org/download/a/b.mp3'
    """
    try:
        parsed = httpx.URL(url) if isinstance(url, str) else url
    except (httpx.InvalidURL, ValueError):
        return "a URL that cannot be read"
    text = str(parsed.copy_with(username=None, password=None, query=None, fragment=None))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def is_loopback_host(host: str, port: int | None, loopback_hosts: Collection[str]) -> bool:
    """Say whether ``host`` is named in ``loopback_hosts``, as ``host`` (any port) or as ``host:port``.

    >>> is_loopback_host("127.0.0.1", 4570, {"127.0.0.1:4570"}), is_loopback_host("127.0.0.1", 22, {"127.0.0.1:4570"})
    (True, False)
    """
    return host in loopback_hosts or f"{host}:{port}" in loopback_hosts


def checked_url(
    url: httpx.URL | str, allowed_hosts: Collection[str], loopback_hosts: Collection[str] = frozenset(), *, hop: int = 0
) -> httpx.URL:
    """Return ``url`` parsed when it may be requested: https, an allowed host or a host below one, port 443, no user.

    Plain http and other ports are for ``loopback_hosts`` alone. ``hop`` counts redirects, for the message.

    >>> str(checked_url("https://ia800500.us.archive.org/1/x.mp3", {"archive.org"}))
    'https://ia800500.us.archive.org/1/x.mp3'

    :raises ForbiddenUrl: with what is wrong.
    """
    where = "refused" if hop == 0 else f"redirect {hop} refused"
    try:
        parsed = httpx.URL(url) if isinstance(url, str) else url
    except (httpx.InvalidURL, ValueError) as error:
        raise ForbiddenUrl(f"{where}: the URL cannot be read") from error
    if len(str(parsed)) > LONGEST_URL:
        raise ForbiddenUrl(f"{where}: {shown(parsed)} is longer than {LONGEST_URL} characters")
    if parsed.userinfo:
        raise ForbiddenUrl(f"{where}: {shown(parsed)} carries a user name or password")
    host = parsed.raw_host.decode("ascii", "replace").lower()
    port = parsed.port or {"https": 443, "http": 80}.get(parsed.scheme)
    if is_loopback_host(host, port, loopback_hosts):
        if parsed.scheme not in ("http", "https"):
            raise ForbiddenUrl(f"{where}: {shown(parsed)} is neither http nor https")
        return parsed
    if parsed.scheme != "https":
        raise ForbiddenUrl(f"{where}: {shown(parsed)} is not https")
    if not _HOST_NAME.fullmatch(host):
        raise ForbiddenUrl(f"{where}: the host of {shown(parsed)} is no host name")
    if not any(host == allowed or host.endswith(f".{allowed}") for allowed in allowed_hosts):
        raise ForbiddenUrl(f"{where}: {shown(parsed)} is not on an allowed host ({', '.join(sorted(allowed_hosts))})")
    if port != 443:
        raise ForbiddenUrl(f"{where}: {shown(parsed)} uses port {port}, only 443 is allowed")
    return parsed


def named_host(url: httpx.URL, allowed_hosts: Collection[str], loopback_hosts: Collection[str] = frozenset()) -> str:
    """Return by which of the names a URL is allowed that ``checked_url`` let pass, the longest of several.

    >>> named_host(httpx.URL("https://ia800500.us.archive.org/1/x.mp3"), {"archive.org", "us.archive.org"})
    'us.archive.org'
    >>> named_host(httpx.URL("http://127.0.0.1:4570/x"), {"archive.org"}, {"127.0.0.1:4570"})
    '127.0.0.1:4570'
    """
    host = url.raw_host.decode("ascii", "replace").lower()
    port = url.port or {"https": 443, "http": 80}.get(url.scheme)
    names = [f"{host}:{port}", host]
    if is_loopback_host(host, port, loopback_hosts):
        return next(name for name in names if name in loopback_hosts)
    return max((name for name in allowed_hosts if host == name or host.endswith(f".{name}")), key=len)
