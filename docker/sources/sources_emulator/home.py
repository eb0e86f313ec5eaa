"""The front page: what this is and what it offers."""

from __future__ import annotations

import html
from collections.abc import Sequence

from sources_emulator.commons import CommonsFile
from sources_emulator.pixabay import PixabayVideo
from sources_emulator.shelf import Shelf

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222}
td,th{padding:.2rem 1rem .2rem 0;text-align:left;vertical-align:top}code{background:#f2f2f2;padding:0 .2rem}
@media (prefers-color-scheme:dark){body{background:#191919;color:#ddd}code{background:#333}a{color:#8bf}}"""


def home_page(shelf: Shelf, films: Sequence[CommonsFile | PixabayVideo]) -> str:
    """HTML with the campaigns, the items and films of each, and where the doors are."""
    parts = []
    by_campaign: dict[str, list[CommonsFile | PixabayVideo]] = {campaign: [] for campaign in shelf.campaigns()}
    for film in films:
        by_campaign.setdefault(film.campaign, []).append(film)
    for campaign, shown in by_campaign.items():
        items = [item for item in shelf.items.values() if item.campaign == campaign][:200]
        links = ", ".join(
            f'<a href="{html.escape(film.page_path)}">{html.escape(film.title)}</a>' for film in shown[:200]
        )
        names = ", ".join(
            f'<a href="/details/{html.escape(item.identifier)}">{html.escape(str(item.metadata["title"]))}</a>'
            f"{'' if item.good else ' (flawed)'}"
            for item in items
        )
        parts.append(f"<tr><th>{html.escape(campaign)}</th><td>{names}</td><td>{links}</td></tr>")
    search = "/w/api.php?action=query&amp;format=json&amp;generator=search&amp;gsrnamespace=6&amp;prop=videoinfo"
    query = "/advancedsearch.php?q=(jazz)+AND+mediatype:(audio+OR+etree)&amp;output=json"
    return f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<title>Stand-in for the public catalogues</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>
<h1>Stand-in for the public catalogues</h1>
<p>A small archive of music, sounds and films that this program made itself, offered over the wire shapes of the
Internet Archive, Wikimedia Commons and Pixabay, so that the pipelines can be run and tried without a network. Some are
flawed on purpose.</p>
<table><tr><th>Campaign</th><th>Sounds</th><th>Films</th></tr>{"".join(parts)}</table>
<h2>Doors</h2><ul>
<li><a href="{query}"><code>/advancedsearch.php</code></a>, <code>/services/search/v1/scrape</code>,
<code>/metadata/&lt;id&gt;</code>, <code>/download/&lt;id&gt;/&lt;file&gt;</code></li>
<li><a href="{search}&amp;gsrsearch=filetype:video+jazz"><code>/w/api.php</code></a>,
<code>/wiki/File:&lt;name&gt;</code>, <code>/wikipedia/commons/…</code></li>
<li><code>/api/videos/?key=…</code>, <code>/videos/id-&lt;id&gt;/</code>, <code>/video/…</code></li>
<li><code>/api/rest_v1/metrics/pageviews/per-article/…</code></li>
<li><a href="/_drives"><code>/_drives</code></a> (what dash cams filmed), <code>/_drives/&lt;file&gt;</code></li>
<li><a href="/_health"><code>/_health</code></a>, <a href="/_truth"><code>/_truth</code></a> (what every piece
and film holds),
<a href="/_requests"><code>/_requests</code></a>, <a href="/_trouble"><code>/_trouble</code></a></li></ul>
</body></html>"""
