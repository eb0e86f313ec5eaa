"""Params that several pipelines ask for in the same words."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.sdk import Param

from include.catalog.campaigns import CAMPAIGN_PATTERN, CAMPAIGNS, LARGEST_BATCH
from include.catalog.licences import DEFAULT_FAMILIES, LICENCE_FAMILIES
from open_media.hooks.open_media import SOURCES


def curation_params(*, batch_size: int, further_licences: Sequence[str] = ()) -> dict[str, Param]:
    """Return the form of a curation run, with its default batch size.

    ``further_licences`` are families beside Creative Commons which the form offers, and allows by default. The
    campaigns are ``examples``, no ``enum``: the browser offers them in a drop-down and takes other names too. The form
    checks no ``pattern``; Airflow's API answers 400 to a bad name, and the form shows its words.
    """
    families = [*LICENCE_FAMILIES, *further_licences]
    return {
        "campaign": Param(
            None,
            type=["null", "string"],
            pattern=CAMPAIGN_PATTERN,
            examples=list(CAMPAIGNS),
            title="Campaign",
            description="One of the list or a new name (small letters, digits, '-'); empty: the active one.",
        ),
        "batch_size": Param(
            batch_size,
            type="integer",
            minimum=1,
            maximum=LARGEST_BATCH,
            title="Batch size",
            description="How many good files to bring that the lake does not have.",
        ),
        "licences": Param(
            [*DEFAULT_FAMILIES, *further_licences],
            type="array",
            items={"type": "string", "enum": families},
            minItems=1,
            examples=families,
            values_display={family: _label(family) for family in families},
            title="Allowed licences",
            description="What may land. The default leaves out ND, which allows no derivatives.",
        ),
        "persist_campaign": Param(
            default=True,
            type="boolean",
            title="Make it active",
            description="The next scheduled runs curate this campaign too.",
        ),
    }


def source_params(sources: Sequence[str]) -> dict[str, Param]:
    """Return the choice among several sources; what is chosen is asked in the order in which it stands."""
    return {
        "sources": Param(
            list(sources),
            type="array",
            items={"type": "string", "enum": list(sources)},
            minItems=1,
            examples=list(sources),
            values_display={name: SOURCES[name].title for name in sources},
            title="Sources",
            description="Asked in this order: the next one when those before it have too little, or are not there.",
        )
    }


def triage_params() -> dict[str, Param]:
    """Return what decides how much a triage buys, and of how many uploads.

    Runs that start by themselves take the defaults.
    """
    return {
        "screen": Param(
            default=True,
            type="boolean",
            title="Look for jolts and noises first",
            description="Buy analyses only of uploads in which the cheap look finds something; off: of all of them.",
        ),
        "max_cost_usd": Param(
            50.0,
            type="number",
            minimum=0,
            title="Most it may cost (USD)",
            description="By the rate card. Oldest uploads come first; what it does not pay for waits for another run.",
        ),
        "language": Param(
            "en-US",
            type="string",
            pattern="^[a-z]{2,3}-[A-Z]{2}$",
            title="Language",
            description="What is spoken in the cars: a language code of Amazon Transcribe.",
        ),
        "most_uploads": Param(
            50,
            type="integer",
            minimum=1,
            maximum=500,
            title="Uploads a run",
            description="How many it takes at most; the next run takes what is left over.",
        ),
    }


def review_params() -> dict[str, Param]:
    """Return which upload a person is asked about, and for how long."""
    return {
        "asset_id": Param(
            type="string",
            pattern="^[0-9a-f]{24}$",
            title="Upload",
            description="Its asset id in the catalogue: 24 digits from 0 to f.",
        ),
        "review_hours": Param(
            24,
            type="number",
            minimum=0.01,
            maximum=720,
            title="Hours for a review",
            description="An upload that no person has judged by then counts as an incident.",
        ),
    }


def analysis_params() -> dict[str, Param]:
    """Return what decides which paid analyses a curation buys, and for how much at most."""
    return {
        "moderation": Param(
            default=False,
            type="boolean",
            title="Look for unsafe content",
            description="Rekognition content moderation, which costs about as much as the labels.",
        ),
        "max_cost_usd": Param(
            5.0,
            type="number",
            minimum=0,
            title="Most it may cost (USD)",
            description="A run whose quote by the rate card is higher stops before anything is paid.",
        ),
        "approve_over_budget": Param(
            default=False,
            type="boolean",
            title="Ask when it costs more",
            description="Wait for a person's approval (Required Actions) instead of stopping.",
        ),
    }


def _label(family: str) -> str:
    """Name a licence family as its licences do.

    >>> _label("by-nc-sa"), _label("cc0"), _label("pdm")
    ('CC BY-NC-SA', 'CC0', 'Public Domain Mark')
    """
    names = {"cc0": "CC0", "pdm": "Public Domain Mark", "pixabay": "Pixabay Content License (not Creative Commons)"}
    return names.get(family) or f"CC {family.upper()}"
