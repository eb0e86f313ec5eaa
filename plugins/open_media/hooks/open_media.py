"""Access to the public catalogues: an Airflow connection becomes a polite client for one source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook

from include.settings import SETTINGS
from include.sources.addresses import is_loopback_host
from include.sources.http import Patience, PoliteClient, user_agent_for
from include.sources.internet_archive import INTERNET_ARCHIVE
from include.sources.source import Source

SHORTEST_COOL_DOWN_S = 60.0
LONGEST_COOL_DOWN_S = 6 * 3600.0
STAND_IN_COOL_DOWN_S = 10.0


@dataclass(frozen=True, slots=True)
class Access:
    """How a source may be asked: through which connection and pool, at which hosts and pace."""

    source: Source
    conn_id: str
    pool: str
    """Airflow pool that bounds the tasks which talk to the source, in the whole deployment."""
    hosts: frozenset[str]
    seconds_between_requests: float
    """Pause of each task between two requests; with the pool's slots it bounds the deployment's request rate."""


ACCESS = {
    INTERNET_ARCHIVE.name: Access(
        source=INTERNET_ARCHIVE,
        conn_id="internet_archive_default",
        pool="internet_archive",
        hosts=frozenset({"archive.org"}),
        seconds_between_requests=0.4,  # with the pool's 2 slots: 5 requests a second
    ),
}


class OpenMediaHook(BaseHook):
    """Ask one public catalogue, as politely as it demands.

    The connection (type ``http``) names the base URL in ``host``. Its extra may hold ``loopback_hosts``, the loopback
    addresses that a stand-in on this machine listens on (no other non-public address is ever asked, and none at all
    when the base URL is none of them), ``seconds_between_requests``, and in ``patience`` fields of
    ``include.sources.http.Patience``.

    :param source: name of the source, such as ``internet-archive``
    :param conn_id: connection to use instead of the source's own
    """

    conn_type = "http"

    def __init__(self, source: str, conn_id: str | None = None) -> None:
        super().__init__()
        if source not in ACCESS:
            raise ValueError(f"there is no source {source!r}; known are {', '.join(sorted(ACCESS))}")
        self.access = ACCESS[source]
        self.conn_id = conn_id or self.access.conn_id

    @cached_property
    def connection(self) -> Any:
        return self.get_connection(self.conn_id)

    @property
    def base_url(self) -> str:
        """Return the address under which the source is asked, without a trailing slash."""
        host = (self.connection.host or "").rstrip("/")
        if not host.startswith(("http://", "https://")):
            raise ValueError(
                f"connection {self.conn_id}: its host must be a URL like https://archive.org, not {host!r}"
            )
        return host

    @property
    def loopback_hosts(self) -> frozenset[str]:
        """Return where the stand-in listens, or nothing when the source itself is asked."""
        named = frozenset(self.connection.extra_dejson.get("loopback_hosts", ()))
        url = urlsplit(self.base_url)
        return named if is_loopback_host(url.hostname or "", url.port, named) else frozenset()

    def cool_down_s(self, asked_s: float | None) -> float:
        """Return how long everybody leaves the source alone that asked for ``asked_s``, in seconds.

        A stand-in has no firewall that would ban for longer, and nobody waits long for it.
        """
        longest_s = STAND_IN_COOL_DOWN_S if self.loopback_hosts else LONGEST_COOL_DOWN_S
        return min(max(asked_s or 0.0, SHORTEST_COOL_DOWN_S), longest_s)

    def conn(self) -> PoliteClient:
        """Return a client; use it in a ``with`` block.

        :raises ContactMissing: when the source itself would be asked and nobody says who operates this deployment.
        """
        extra = self.connection.extra_dejson
        loopback_hosts = self.loopback_hosts
        return PoliteClient(
            self.base_url,
            user_agent=user_agent_for(SETTINGS.contact, required=not loopback_hosts),
            allowed_hosts=self.access.hosts,
            loopback_hosts=loopback_hosts,
            patience=Patience(**extra.get("patience", {})),
            seconds_between_requests=float(extra.get("seconds_between_requests", self.access.seconds_between_requests)),
        )
