"""What the analyses of a film will cost, told from what is known of it before anything is paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from include.costs.mediaconvert import billed_outputs
from include.costs.rate_card import BilledUnits, Quote, default_rate_card
from include.video.probe import MediaFacts
from include.video.proxy import proxy_reason, proxy_settings, refusal_of

OPERATIONS: Mapping[str, str] = {
    "labels": "label_detection",
    "segments": "segment_detection",
    "text": "text_detection",
    "moderation": "content_moderation",
}
"""What Rekognition calls the analyses."""
ANALYSES = tuple(OPERATIONS)
SEGMENT_ITEMS = {"SHOT": "rekognition.shot_detection", "TECHNICAL_CUE": "rekognition.technical_cue_detection"}
"""Lines of the rate card, by the type of segment: each is billed by itself."""

UPLOAD_ANALYSES = ("labels", "segments", "text")
"""What Rekognition looks for in a dash-cam upload."""
TRANSCRIPT = "transcribe.transcription_job"

NAMES = {
    "rekognition.label_detection": "labels",
    "rekognition.shot_detection": "shots",
    "rekognition.technical_cue_detection": "technical cues",
    "rekognition.text_detection": "text",
    "rekognition.content_moderation": "moderation",
    TRANSCRIPT: "transcript",
    "mediaconvert.basic": "proxy (normalised minutes)",
}


def analysis_names(analyses: Sequence[str] | str) -> list[str]:
    """Read names of analyses: a list, or a text with commas between.

    >>> analysis_names("labels, text,"), analysis_names(["labels"])
    (['labels', 'text'], ['labels'])

    :raises ValueError: for one that there is not.
    """
    names = analyses.split(",") if isinstance(analyses, str) else analyses
    found = [name.strip() for name in names if name.strip()]
    if unknown := set(found) - set(OPERATIONS):
        raise ValueError(f"no such analysis: {', '.join(sorted(unknown))}; there are {', '.join(OPERATIONS)}")
    return found


def billed_analysis(
    operation: str, media: MediaFacts, *, segment_types: Iterable[str] = tuple(SEGMENT_ITEMS)
) -> list[BilledUnits]:
    """Return what Rekognition bills for one analysis: the minutes of the film, for each type of segment anew.

    >>> [units.item for units in billed_analysis("segment_detection", MediaFacts(duration_s=90))]
    ['rekognition.shot_detection', 'rekognition.technical_cue_detection']
    """
    items = [f"rekognition.{operation}"]
    if operation == "segment_detection":
        items = [SEGMENT_ITEMS[kind] for kind in segment_types]
    return [BilledUnits(item=item, quantity=media.duration_min) for item in items]


def quote_analyses(facts: MediaFacts, *, analyses: Sequence[str], with_proxy: bool) -> Quote:
    """Quote the analyses of one film, and the proxy that they read if it takes one; unknown without its length.

    >>> quote_analyses(MediaFacts(duration_s=90), analyses=["labels", "segments"], with_proxy=False).usd
    0.3
    >>> quote_analyses(MediaFacts(), analyses=["labels"], with_proxy=False).usd is None
    True

    :raises KeyError: for an analysis that is none of ``ANALYSES``.
    """
    units = [unit for analysis in analyses for unit in billed_analysis(OPERATIONS[analysis], facts)]
    if with_proxy:
        units += billed_outputs(proxy_settings(facts, source_uri="s3://a/b", destination_uri="s3://a/c"), facts)
    return default_rate_card().quote(units)


def quote_upload(facts: MediaFacts) -> Quote:
    """Quote what is bought for one dash-cam upload: ``UPLOAD_ANALYSES``, their proxy, a transcript if it has sound.

    What Rekognition will refuse, proxy or not, costs nothing; sentiment, a matter of hundredths of a cent, is left out.

    >>> from include.video.probe import AudioTrack
    >>> sound = AudioTrack(codec="aac", channels=1, sample_rate_hz=16000)
    >>> quote_upload(MediaFacts(probed=True, container="mov", duration_s=60.0, audio=(sound,))).usd
    0.024
    """
    with_proxy = proxy_reason(facts) is not None
    looked_for = UPLOAD_ANALYSES if with_proxy or refusal_of(facts) is None else ()
    quotes = [quote_analyses(facts, analyses=looked_for, with_proxy=with_proxy)] if looked_for else []
    if facts.audio:
        quotes.append(default_rate_card().quote([BilledUnits(item=TRANSCRIPT, quantity=facts.duration_min)]))
    return quote_together(quotes)


def quote_together(quotes: Iterable[Quote]) -> Quote:
    """Quote the units of several quotes as one; of none it is 0.

    >>> one = quote_analyses(MediaFacts(duration_s=90), analyses=["labels"], with_proxy=False)
    >>> quote_together([one, one]).usd, quote_together([]).usd
    (0.3, 0.0)
    """
    units = [unit for quote in quotes for unit in quote.units]
    card = default_rate_card()
    if not units:
        return Quote(usd=0.0, at_least_usd=0.0, note=None, units=(), priced_by=card.priced_by)
    return card.quote(units)


def quote_lines(quote: Quote) -> list[str]:
    """Write a quote as a table for people, in Markdown that reads well as text: a feature a line, then the total.

    >>> for line in quote_lines(quote_analyses(MediaFacts(duration_s=90), analyses=["labels"], with_proxy=False)):
    ...     print(line)
    | feature                    | minutes |        USD |
    | :------------------------- | ------: | ---------: |
    | labels                     |    1.50 |     0.1500 |
    | **together**               |         |     0.1500 |
    """
    card = default_rate_card()
    by_item: dict[str, list[BilledUnits]] = {}
    for unit in quote.units:
        by_item.setdefault(unit.item, []).append(unit)
    rows = [(NAMES.get(item, item), _minutes(units), usd(card.quote(units))) for item, units in by_item.items()]
    rows.append(("**together**", "", usd(quote)))
    return [
        f"| {'feature':<26} | {'minutes':>7} | {'USD':>10} |",
        f"| :{'-' * 25} | {'-' * 6}: | {'-' * 9}: |",
        *(f"| {name:<26} | {minutes:>7} | {price:>10} |" for name, minutes, price in rows),
    ]


def usd(quote: Quote) -> str:
    """Write a price in dollars, with what it is at least where it is not known.

    >>> usd(quote_analyses(MediaFacts(), analyses=["labels"], with_proxy=False))
    'unknown, at least 0.0000'
    """
    return f"{quote.usd:.4f}" if quote.usd is not None else f"unknown, at least {quote.at_least_usd:.4f}"


def _minutes(units: Iterable[BilledUnits]) -> str:
    """Write the minutes of a line as they are billed, normalised where they have a multiplier."""
    card = default_rate_card()
    minutes = 0.0
    for unit in units:
        if unit.quantity is None or unit.multiplier is None:
            return "unknown"
        minutes += card.rate(unit.item).billed(unit.quantity) * unit.multiplier
    return f"{minutes:.2f}"
