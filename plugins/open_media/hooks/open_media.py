"""Access to the public catalogues: an Airflow connection becomes a polite client for one source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from include.settings import SETTINGS
from include.sources.addresses import is_loopback_host
from include.sources.errors import ConnectionMissing, KeyMissing
from include.sources.headers import user_agent_for
from include.sources.http import PoliteClient
from include.sources.internet_archive import INTERNET_ARCHIVE
from include.sources.pixabay import PIXABAY
from include.sources.source import HostPace, Source
from include.sources.transport import Patience
from include.sources.wikimedia import WIKIMEDIA
from open_media.pace import DeploymentPacer

SOURCES: Mapping[str, Source] = {source.name: source for source in (INTERNET_ARCHIVE, WIKIMEDIA, PIXABAY)}

OPEN_MEDIA_POOL = "open_media"
"""Airflow pool of every task that talks to a catalogue: its slots are the connections that the strictest one allows."""

SHORTEST_COOL_DOWN_S = 60.0
LONGEST_COOL_DOWN_S = 6 * 3600.0
STAND_IN_COOL_DOWN_S = 10.0


class PublicApiHook(BaseHook):
    """Ask one public API, as politely as it demands.

    The connection (type ``http``) names the base URL in ``host``, and as its password the API key of an API that wants
    one. Its extra may hold ``loopback_hosts``, the loopback addresses that a stand-in on this machine listens on (no
    other non-public address is ever asked, and none at all when the base URL is none of them),
    ``seconds_between_requests``, and in ``patience`` fields of ``include.sources.transport.Patience``. A stand-in has
    no limit of bandwidth.

    :param conn_id: the connection
    :param hosts: hosts that may be asked, names below them included, and how fast the deployment may ask each
    :param key_param: query parameter that carries the API key, for an API that wants one
    :param aws_conn_id: connection of the table in which the deployment keeps its pace
    """

    conn_type = "http"

    def __init__(
        self,
        conn_id: str,
        *,
        hosts: Mapping[str, HostPace],
        key_param: str | None = None,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
    ) -> None:
        super().__init__()
        self.conn_id = conn_id
        self.hosts = hosts
        self.key_param = key_param
        self.aws_conn_id = aws_conn_id

    @cached_property
    def connection(self) -> Any:
        try:
            return self.get_connection(self.conn_id)
        except AirflowNotFoundException as error:
            raise ConnectionMissing(
                f"there is no connection {self.conn_id}: create it, of type http, as astro-config/aws.env.example does"
            ) from error

    @property
    def base_url(self) -> str:
        """Return the address under which the API is asked, without a trailing slash."""
        host = (self.connection.host or "").rstrip("/")
        if not host.startswith(("http://", "https://")):
            raise ValueError(
                f"connection {self.conn_id}: its host must be a URL like https://{next(iter(self.hosts))}, not {host!r}"
            )
        return host

    @property
    def loopback_hosts(self) -> frozenset[str]:
        """Return where the stand-in listens, or nothing when the API itself is asked."""
        named = frozenset(self.connection.extra_dejson.get("loopback_hosts", ()))
        url = urlsplit(self.base_url)
        return named if is_loopback_host(url.hostname or "", url.port, named) else frozenset()

    @property
    def secret_params(self) -> list[tuple[str, str]]:
        """Return what is added to each request and shown to nobody.

        :raises KeyMissing: when the API wants a key and the connection has none.
        """
        if self.key_param is None:
            return []
        if not self.connection.password:
            raise KeyMissing(f"connection {self.conn_id} has no API key: set its password to the key")
        return [(self.key_param, self.connection.password)]

    def cool_down_s(self, asked_s: float | None) -> float:
        """Return how long everybody leaves the API alone that asked for ``asked_s``, in seconds.

        A stand-in has no firewall that would ban for longer, and nobody waits long for it.
        """
        longest_s = STAND_IN_COOL_DOWN_S if self.loopback_hosts else LONGEST_COOL_DOWN_S
        return min(max(asked_s or 0.0, SHORTEST_COOL_DOWN_S), longest_s)

    def conn(self) -> PoliteClient:
        """Return a client; use it in a ``with`` block.

        :raises ContactMissing: when the API itself would be asked and nobody says who operates this deployment.
        :raises ConnectionMissing, KeyMissing: when the deployment is not set up for it.
        """
        extra = self.connection.extra_dejson
        pauses = [pace.seconds_between_requests for pace in self.hosts.values()]
        pause_s = extra.get("seconds_between_requests")
        stand_in = HostPace(seconds_between_requests=max(pauses) if pause_s is None else float(pause_s))
        return PoliteClient(
            self.base_url,
            user_agent=user_agent_for(SETTINGS.contact, required=not self.loopback_hosts),
            hosts={
                host: pace if pause_s is None else replace(pace, seconds_between_requests=float(pause_s))
                for host, pace in self.hosts.items()
            },
            loopback_hosts=dict.fromkeys(self.loopback_hosts, stand_in),
            pacer=DeploymentPacer(self._jobs_table()),
            secret_params=self.secret_params,
            patience=Patience(**extra.get("patience", {})),
        )

    def _jobs_table(self) -> Any:
        resource: Any = AwsGenericHook(aws_conn_id=self.aws_conn_id, resource_type="dynamodb").conn
        return resource.Table(SETTINGS.jobs_table)


class OpenMediaHook(PublicApiHook):
    """Ask one source of open media.

    :param source: name of the source, such as ``internet-archive``
    :param conn_id: connection to use instead of the source's own
    :param aws_conn_id: connection of the table in which the deployment keeps its pace
    """

    def __init__(
        self, source: str, conn_id: str | None = None, *, aws_conn_id: str | None = SETTINGS.aws_conn_id
    ) -> None:
        if source not in SOURCES:
            raise ValueError(f"there is no source {source!r}; known are {', '.join(sorted(SOURCES))}")
        self.source = SOURCES[source]
        super().__init__(
            conn_id or self.source.conn_id,
            hosts=self.source.hosts,
            key_param=self.source.key_param,
            aws_conn_id=aws_conn_id,
        )
