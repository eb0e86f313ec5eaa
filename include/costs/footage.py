"""What a fleet's footage costs by the rate card: to look at it, to make what incidents need, and to keep it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from include.catalog.triage import StorageClass
from include.costs.analyses import quote_upload
from include.costs.mediaconvert import billed_outputs
from include.costs.rate_card import BilledUnits, default_rate_card
from include.storage.classes import class_prices
from include.video.evidence import clips_around, evidence_settings, web_rendition_settings
from include.video.probe import AudioTrack, MediaFacts, VideoStream

TYPICAL_UPLOAD = MediaFacts(
    probed=True,
    container="mov",
    duration_s=180.0,
    size_bytes=75 * 2**20,
    video=VideoStream(codec="h264", width=1920, height=1080, rotation_deg=0, frame_rate=30.0, bit_rate_bps=None),
    audio=(AudioTrack(codec="aac", channels=1, sample_rate_hz=16_000),),
)
"""Three minutes as dash cams cut their footage, in what Rekognition and Transcribe take as it is."""

SERVICES = {
    "rekognition.label_detection": "Rekognition labels",
    "rekognition.shot_detection": "Rekognition shots and cues",
    "rekognition.technical_cue_detection": "Rekognition shots and cues",
    "rekognition.text_detection": "Rekognition text",
    "transcribe.transcription_job": "Transcribe",
    "comprehend.sentiment": "Comprehend sentiment",
    "mediaconvert.basic": "MediaConvert of incidents",
}
"""Lines of the rate card to the rows of the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """How much footage there is, and how much happens in it. Shares are of the uploads."""

    hours: float = 1000.0
    upload: MediaFacts = TYPICAL_UPLOAD
    interesting_share: float = 0.05
    """In how many the cheap look sees something."""
    incident_share: float = 0.005
    """How many are incidents, with one moment each."""
    utterances: int = 10
    """What is said in an upload,"""
    utterance_characters: int = 60
    """each of so many characters."""

    @property
    def uploads(self) -> float:
        return self.hours * 3600 / (self.upload.duration_s or 0.0)


def services_usd(fleet: Fleet, *, screened: bool) -> dict[str, float]:
    """Return what each service costs in US dollars; with the cheap look, only what interests it is analysed.

    >>> whole = services_usd(Fleet(hours=1), screened=False)
    >>> {service: round(usd, 4) for service, usd in whole.items() if service.startswith("Rekognition")}
    {'Rekognition labels': 6.0, 'Rekognition shots and cues': 6.0, 'Rekognition text': 6.0}

    :raises include.costs.rate_card.RateCardError: when the card lacks a line.
    """
    analysed = fleet.uploads * (fleet.interesting_share if screened else 1.0)
    text = BilledUnits(item="comprehend.sentiment", quantity=fleet.utterance_characters)
    bought = [*quote_upload(fleet.upload).units, *[text] * fleet.utterances]
    totals = dict.fromkeys(SERVICES.values(), 0.0)
    for units, times in (
        (bought, analysed),
        (_made_of_an_incident(fleet.upload), fleet.uploads * fleet.incident_share),
    ):
        for service, usd in _by_service(units):
            totals[service] += usd * times
    return totals


def keeping_usd(fleet: Fleet, name: StorageClass, *, keep_months: float) -> float:
    """Return what keeping all uploads in one class costs in US dollars, bringing them there included.

    >>> round(keeping_usd(Fleet(hours=0.05), "STANDARD", keep_months=36), 4)
    0.0606
    """
    place = class_prices(default_rate_card())[name]
    move_usd = 0.0 if name == "STANDARD" else place.usd_put
    months = max(keep_months, place.minimum_months)
    return fleet.uploads * (move_usd + place.usd_a_month(fleet.upload.size_bytes or 0) * months)


def reading_usd(fleet: Fleet, name: StorageClass) -> float:
    """Return what reading every upload once costs, by the cheapest way however long it takes, in US dollars."""
    size_bytes = fleet.upload.size_bytes or 0
    ways = class_prices(default_rate_card())[name].read_backs
    return fleet.uploads * min(way.usd_per_object + way.usd_per_byte * size_bytes for way in ways)


def _made_of_an_incident(upload: MediaFacts) -> list[BilledUnits]:
    """Return what MediaConvert bills for the web rendition and the evidence of one moment."""
    where = {"source_uri": "s3://ingest/drive.mp4", "destination_uri": "s3://processed/drive"}
    ((start_s, end_s),) = clips_around([(upload.duration_s or 0.0) / 2], upload.duration_s)
    jobs = [
        web_rendition_settings(upload, **where),
        evidence_settings(upload, **where, start_s=start_s, end_s=end_s),
    ]
    return [units for settings in jobs for units in billed_outputs(settings, upload)]


def _by_service(units: Iterable[BilledUnits]) -> Iterable[tuple[str, float]]:
    card = default_rate_card()
    for unit in units:
        quote = card.quote([unit])
        if quote.usd is None:
            raise ValueError(f"{unit.item}: {quote.note}")
        yield SERVICES[unit.item], quote.usd
