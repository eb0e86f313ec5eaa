"""How often people read the English Wikipedia's articles, from Wikimedia's Analytics API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from include.catalog.trends import WikimediaPageviews
from include.settings import SETTINGS
from include.sources.errors import NotFound
from include.sources.source import Request
from open_media.hooks.open_media import PublicApiHook


class PageviewsHook(PublicApiHook):
    """Ask for pageviews.

    :param conn_id: connection to use instead of the API's own
    :param aws_conn_id: connection of the table in which the deployment keeps its pace
    """

    def __init__(
        self, conn_id: str = WikimediaPageviews.conn_id, *, aws_conn_id: str | None = SETTINGS.aws_conn_id
    ) -> None:
        super().__init__(conn_id, hosts=WikimediaPageviews.hosts, aws_conn_id=aws_conn_id)

    @contextmanager
    def trends(self, day: date) -> Iterator[WikimediaPageviews]:
        """Open a client and yield the provider that asks through it about the two weeks before ``day``.

        :raises ContactMissing: when Wikimedia itself would be asked and nobody says who operates this deployment.
        """
        with self.conn() as client:

            def ask(request: Request) -> object | None:
                try:
                    return client.fetch_json(request.path, request.params)
                except NotFound:  # an article without views in these weeks, or no article
                    return None

            yield WikimediaPageviews(ask, day)
