"""What a film of the catalogues is, before anything is drawn. The films themselves stand in `films.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from sources_emulator.catalogue import Fault, file_stem
from sources_emulator.composing.piece import Piece

RECOVERS = (None, Fault.RATE_LIMITED_TWICE, Fault.UNAVAILABLE_TWICE, Fault.TRUNCATED_ONCE)
TINY_SHARE = 0.5  # Pixabay's smaller rendition: this share of the width and the height


class Catalogue(StrEnum):
    """Which of the public catalogues offers a film."""

    WIKIMEDIA = "wikimedia"
    PIXABAY = "pixabay"


class Format(StrEnum):
    """Container and codecs of a film; the value's part before the first `-` is its usual file ending."""

    WEBM_VP8 = "webm-vp8-vorbis"
    WEBM_VP9 = "webm-vp9-opus"
    MP4_H264 = "mp4-h264-aac"
    MP4_H264_10 = "mp4-h264-10bit-aac"
    MP4_HEVC = "mp4-hevc-aac"
    OGV_THEORA = "ogv-theora-vorbis"
    OGV_SOUND_ONLY = "ogv-vorbis"

    @property
    def ending(self) -> str:
        return self.value.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Shot:
    """What lies between two cuts: `frames` pictures of one scene.

    `scene` is a name of `scenes.SCENES`, `light` one of `palette.LIGHTS`, `camera` one of `camera.MOVES`. `signs` are
    the texts that stand in the picture from its first frame to its last. A fade is that many frames from or to black.
    """

    scene: str
    frames: int
    light: str = "day"
    camera: str = "still"
    signs: tuple[str, ...] = ()
    fade_in: int = 0
    fade_out: int = 0


@dataclass(frozen=True, slots=True)
class Footage:
    """The content of a file, all that decides its bytes. `width` and `height` are those a viewer sees, in pixels.

    With `turned`, the file stores the pictures lying on their side and asks the player to turn them upright by 90
    degrees. Without `sound` the file has no sound track; of a piece as much is heard as there are shots.
    """

    shots: tuple[Shot, ...]
    format: Format
    sound: Piece | None = None
    width: int = 640
    height: int = 360
    frames_per_s: int = 25
    turned: bool = False

    @property
    def frames(self) -> int:
        """Number of pictures; none in a file that holds only sound."""
        return 0 if self.format is Format.OGV_SOUND_ONLY else sum(shot.frames for shot in self.shots)

    @property
    def seconds(self) -> float:
        return sum(shot.frames for shot in self.shots) / self.frames_per_s


@dataclass(frozen=True, slots=True)
class StatedLicence:
    """A licence as Commons' `extmetadata` states it; None stands for a field that is missing.

    `code` is the field License, `short_name` LicenseShortName, `url` LicenseUrl, `terms` UsageTerms, `non_free`
    NonFree; `attribution_required` and `copyrighted` are AttributionRequired and Copyrighted.
    """

    code: str | None = None
    short_name: str | None = None
    url: str | None = None
    terms: str | None = None
    attribution_required: bool = True
    copyrighted: bool = True
    non_free: bool = False


@dataclass(frozen=True, slots=True)
class Film:
    """One film of a catalogue.

    `licence` is None for Pixabay, whose films all come under its own Content License. `categories` are further Commons
    categories or Pixabay tags. `creator` is plain text. `fault` is what goes wrong with a request for the file:
    WRONG_MD5 means whatever digest the catalogue declares, GONE a file that answers 404 though the search lists it.
    `flaw` says in words why nobody should land the film although its bytes are served well. `stored_name` is the file's
    name where it is not that of the title.
    """

    name: str
    title: str
    catalogue: Catalogue
    campaign: str
    footage: Footage
    creator: str
    licence: StatedLicence | None = None
    categories: tuple[str, ...] = ()
    description: str = ""
    date: str = "2021-06-12"
    fault: Fault | None = None
    flaw: str | None = None
    stored_name: str | None = None

    @property
    def file_name(self) -> str:
        return self.stored_name or f"{file_stem(self.title)}.{self.footage.format.ending}"

    @property
    def format(self) -> Format:
        return self.footage.format

    @property
    def good(self) -> bool:
        """Whether a careful reader who makes derivatives can land it."""
        return self.flaw is None and self.fault in RECOVERS

    @property
    def renditions(self) -> dict[str, Footage]:
        """The files of the film: one called `original` on Commons, `medium` and `tiny` on Pixabay."""
        if self.catalogue is Catalogue.WIKIMEDIA:
            return {"original": self.footage}
        tiny = replace(
            self.footage, width=int(self.footage.width * TINY_SHARE), height=int(self.footage.height * TINY_SHARE)
        )
        return {"medium": self.footage, "tiny": tiny}
