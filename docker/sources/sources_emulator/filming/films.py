"""The films that the catalogues offer: one entry a film, in the order in which a search finds them.

To add a film: copy an entry, give it another title, and choose its shots from `scenes.SCENES`, `palette.LIGHTS` and
`camera.MOVES`. It is rendered at the next start; everything else is kept from the cache. Flawed films share the footage
of a good one, which is then rendered once.
"""

from __future__ import annotations

from typing import Any

from sources_emulator.catalogue import NOMINAL_SECONDS, Fault, slug
from sources_emulator.composing.piece import Piece
from sources_emulator.filming.film import Catalogue, Film, Footage, Format, Shot, StatedLicence

_CC = "https://creativecommons.org"

BY_4 = StatedLicence("cc-by-4.0", "CC BY 4.0", f"{_CC}/licenses/by/4.0", "Creative Commons Attribution 4.0")
BY_3_DEED = StatedLicence(
    "cc-by-3.0", "CC BY 3.0", f"{_CC}/licenses/by/3.0/deed.en", "Creative Commons Attribution 3.0"
)
BY_SA_4 = StatedLicence(
    "cc-by-sa-4.0", "CC BY-SA 4.0", f"{_CC}/licenses/by-sa/4.0", "Creative Commons Attribution-Share Alike 4.0"
)
BY_SA_3_DE = StatedLicence(
    "cc-by-sa-3.0-de",
    "CC BY-SA 3.0 de",
    f"{_CC}/licenses/by-sa/3.0/de/deed.en",
    "Creative Commons Attribution-Share Alike 3.0 de",
)
CC0 = StatedLicence(
    "cc0",
    "CC0",
    "http://creativecommons.org/publicdomain/zero/1.0/deed.en",
    "Creative Commons Zero, Public Domain Dedication",
    attribution_required=False,
)
PUBLIC_DOMAIN = StatedLicence(
    "pd", "Public domain", None, "Public domain", attribution_required=False, copyrighted=False
)
DUAL = StatedLicence(
    "cc-by-sa-3.0", "CC BY-SA 3.0", f"{_CC}/licenses/by-sa/3.0", "Creative Commons Attribution-Share Alike 3.0"
)  # beside the GFDL, which its categories tell; Commons states the first that it knows
GFDL = StatedLicence("gfdl", "GFDL", "http://www.gnu.org/copyleft/fdl.html", "GNU Free Documentation License")
NO_ADDRESS = StatedLicence("cc-by-sa-4.0", "CC BY-SA 4.0", None, "Creative Commons Attribution-Share Alike 4.0")
DISAGREEING = StatedLicence(
    "cc-by-4.0", "CC BY 4.0", f"{_CC}/licenses/by-nc-nd/4.0", "Creative Commons Attribution 4.0"
)
BY_ND_4 = StatedLicence(
    "cc-by-nd-4.0", "CC BY-ND 4.0", f"{_CC}/licenses/by-nd/4.0", "Creative Commons Attribution-No Derivatives 4.0"
)
LOOK_ALIKE = StatedLicence(
    "cc-by-4.0",
    "CC BY 4.0",
    "https://creativecommons.org.licences.example/licenses/by/4.0/",
    "Creative Commons Attribution 4.0",
)
NON_FREE = StatedLicence(None, "Fair use", None, "Fair use", non_free=True)
NOTHING_STATED = StatedLicence()

ND_FLAW = "ND: no derivative may be published"


def _music(style: str, tempo: float, key: str, mode: str) -> Piece:
    return Piece(style, NOMINAL_SECONDS, tempo, key, mode, seed="film", peak_dbfs=-3.0)


def _noise(style: str) -> Piece:
    return Piece(style, NOMINAL_SECONDS, seed="film", peak_dbfs=-4.0)


def _commons(campaign: str, title: str, licence: StatedLicence, footage: Footage, **more: Any) -> Film:
    """A film on Commons. Its description and a category name the campaign, for that is what people search."""
    words = campaign.replace("-", " ")
    told = {"creator": "Orla Venn", "description": f"{title}: a short film for the {words} collection.", **more}
    told["categories"] = (f"Videos of {words}", *more.get("categories", ()))
    return Film(slug(title), title, Catalogue.WIKIMEDIA, campaign, footage, licence=licence, **told)


def _pixabay(campaign: str, title: str, footage: Footage, **more: Any) -> Film:
    """A film on Pixabay, which has no titles: its tags are all that is told."""
    told = {"creator": "TheoMarlind", **more}
    told["categories"] = (campaign.replace("-", " "), *more.get("categories", ()))
    return Film(slug(title), title, Catalogue.PIXABAY, campaign, footage, **told)


CLUB_NIGHT = Footage(
    (
        Shot("card", 40, "night", signs=("LANTERN CLUB",)),
        Shot("stage", 55, "warm", "zoom in"),
        Shot("street", 45, "night", "pan right", ("LATE SET",)),
        Shot("stage", 40, "cold", "still", ("LIVE JAZZ",)),
    ),
    Format.WEBM_VP8,
    _music("swing_trio", 132, "F", "major"),
)
BASS_CORNER = Footage(
    (
        Shot("card", 45, "cold", signs=("SLOW BALLAD",)),
        Shot("stage", 60, "warm", "pan left", ("CORNER BAR",), fade_out=12),
        Shot("black", 10),
        Shot("rain", 60, "night", signs=("TAXI",), fade_in=12, fade_out=14),
        Shot("black", 8),
    ),
    Format.MP4_H264,
    _music("slow_ballad", 80, "C", "major"),
)
HARBOUR_BRASS = Footage(
    (
        Shot("street", 50, "warm", "pan right", ("HARBOUR STREET",)),
        Shot("sea", 50, "day", "pan left"),
        Shot("street", 40, "day", "shake", ("RECORD SHOP",)),
    ),
    Format.WEBM_VP9,
    _music("vibes_quartet", 120, "D", "minor"),
)
EMPTY_STAGE = Footage(
    (Shot("stage", 60, "cold", "zoom out"), Shot("stage", 50, "warm", "still", ("OPEN MIC",))),
    Format.MP4_H264,
    _music("vibes_quartet", 110, "D", "major"),
)

AURORA = Footage((Shot("aurora", 300, "night", "zoom in"),), Format.WEBM_VP9)
FOG = Footage(
    (Shot("sea", 65, "cold"), Shot("aurora", 65, "night", "pan right"), Shot("hills", 50, "cold", "zoom in")),
    Format.MP4_H264_10,
    _music("drifting_pads", 84, "E", "minor"),
)
OBSERVATORY = Footage(
    (Shot("card", 40, "night", signs=("OBSERVATORY",)), Shot("aurora", 60, "night"), Shot("hills", 50, "warm")),
    Format.MP4_H264,
    _music("bell_pads", 72, "D", "major"),
)

MACHINE_ROOM = Footage(
    (
        Shot("pads", 14, "cold"),
        Shot("card", 16, "night", signs=("MACHINE ROOM",)),
        Shot("pads", 12, "warm", "zoom in"),
        Shot("scope", 14, "cold"),
        Shot("street", 12, "night", "shake"),
        Shot("pads", 12, "cold", "pan left"),
        Shot("scope", 14, "warm"),
        Shot("card", 16, "cold", signs=("VOLTAGE",)),
        Shot("pads", 12, "warm"),
        Shot("scope", 18, "cold", "zoom in"),
    ),
    Format.WEBM_VP8,
    _music("four_on_the_floor", 128, "A", "minor"),
)
NEON_GRID = Footage(
    (Shot("scope", 40, "cold"), Shot("pads", 40, "warm", "zoom out", ("NEON GRID",)), Shot("street", 36, "night")),
    Format.MP4_H264,
    _music("deep_house", 120, "C", "minor"),
    width=1280,
    height=720,
)
BLINKING_PADS = Footage((Shot("pads", 50, "cold"), Shot("scope", 50, "warm", "pan right")), Format.MP4_H264)

MILL_LANE = Footage(
    (
        Shot("windmill", 60, "day", "still", ("MILL LANE",)),
        Shot("hills", 50, "warm", "pan right"),
        Shot("windmill", 50, "cold", "zoom in"),
    ),
    Format.OGV_THEORA,
    _music("fingerpicking", 96, "G", "major"),
)
BARN_ROAD = Footage(
    (
        Shot("card", 45, "warm", signs=("BARN DANCE",)),
        Shot("hills", 55, "day", "pan left"),
        Shot("windmill", 50, "warm", "still", ("FARM EGGS",)),
    ),
    Format.MP4_H264,
    _music("waltz", 112, "C", "major"),
    width=360,
    height=640,
    turned=True,
)
SWALLOWS = Footage(
    (Shot("hills", 60, "day", "pan right"), Shot("sea", 50, "warm")),
    Format.MP4_H264,
    _music("strumming", 108, "D", "major"),
)
SOUND_ONLY = Footage(
    (Shot("black", 125),), Format.OGV_SOUND_ONLY, _music("strumming", 104, "A", "minor")
)  # its one shot tells how long it is

SHINGLE = Footage(
    (
        Shot("sea", 60, "day", "pan right"),
        Shot("sea", 50, "warm", "zoom in"),
        Shot("card", 40, "day", signs=("DANGER TIDES",)),
    ),
    Format.WEBM_VP9,
    _noise("waves"),
)
POND_RAIN = Footage(
    (Shot("rain", 55, "day"), Shot("hills", 45, "night"), Shot("rain", 50, "night")),
    Format.MP4_HEVC,
    _noise("rain"),
)
LARCHES = Footage(
    (Shot("hills", 60, "cold", "shake"), Shot("hills", 50, "warm", "pan left")), Format.MP4_H264, _noise("wind")
)

RING_ROAD = Footage(
    (
        Shot("street", 60, "night", "pan right", ("ALL NIGHT CAFE",)),
        Shot("rain", 45, "night", signs=("TAXI",)),
        Shot("street", 45, "warm", "still", ("RING ROAD",)),
    ),
    Format.WEBM_VP9,
    _noise("traffic"),
)
MARKET = Footage(
    (
        Shot("street", 45, "day", signs=("BAKERY",)),
        Shot("train", 40, "cold", signs=("PLATFORM 4",)),
        Shot("street", 40, "warm", "zoom in", ("FISH MARKET",)),
        Shot("train", 35, "day", "shake"),
    ),
    Format.MP4_H264,
    _noise("tram_stop"),
)
NORTHERN_LINE = Footage(
    (Shot("train", 60, "day", signs=("NORTHERN LINE",)), Shot("train", 50, "night", "pan right")),
    Format.MP4_H264,
    _noise("metro"),
)
UPRIGHT_STREET = Footage(
    (Shot("street", 50, "day", signs=("BAKERY",)), Shot("rain", 40, "night")),
    Format.MP4_H264,
    _noise("footsteps"),
    width=360,
    height=640,
)


def _take(number: int, form: Format = Format.MP4_H264) -> Footage:
    """A short film of its own for an item of trouble, so that no other campaign holds the same bytes."""
    shots = (Shot("card", 35, "warm", signs=(f"TAKE {number}00",)), Shot("stage", 30, "cold"))
    return Footage(shots, form, width=320, height=180)


JAZZ = (
    _commons("jazz", "Backstage at the Lantern", BY_ND_4, HARBOUR_BRASS, flaw=ND_FLAW),
    _commons("jazz", "Encore in F", BY_SA_4, HARBOUR_BRASS, fault=Fault.WRONG_MD5),
    _commons("jazz", "Lantern Club, Late Set", BY_SA_4, CLUB_NIGHT, creator="The Blue Lantern Trio",
             categories=("Jazz clubs at night",)),
    _commons("jazz", "The Bass Player's Corner", PUBLIC_DOMAIN, BASS_CORNER, creator="Ida Solberg", date="1957-03-02"),
    _commons("jazz", "Brass on Harbour Street", BY_3_DEED, HARBOUR_BRASS, creator="Theo Marlind"),
    _pixabay("jazz", "Spotlight on an empty stage", EMPTY_STAGE, categories=("stage", "spotlight")),
)  # fmt: skip

AMBIENT = (
    _commons("ambient", "Under Ice, the Film", BY_4, FOG, fault=Fault.TRUNCATED),
    _commons("ambient", "Letters Never Sent, Reel Two", NO_ADDRESS, FOG,
             flaw="names a Creative Commons licence but gives no address of it"),
    _commons("ambient", "Slow Aurora", CC0, AURORA, creator="Norrsken", categories=("Aurora borealis", "Silent films")),
    _commons("ambient", "Fog over the Fjord", DUAL, FOG, creator="Hollow Tide", categories=("GFDL", "Fjords")),
    _pixabay("ambient", "Night sky over an observatory", OBSERVATORY, categories=("night", "stars")),
)  # fmt: skip

ELECTRONIC = (
    _commons("electronic", "Night Bus Geometry", BY_4, MACHINE_ROOM, fault=Fault.HTML_PAGE),
    _commons("electronic", "Subway Cathedral, Excerpt", NON_FREE, MACHINE_ROOM, flaw="non-free: fair use only"),
    _commons("electronic", "Machine Room", BY_SA_3_DE, MACHINE_ROOM, creator="Pulse Meridian",
             categories=("Synthesizers",)),
    _pixabay("electronic", "Neon grid", NEON_GRID, categories=("neon", "abstract")),
    _pixabay("electronic", "Blinking pads", BLINKING_PADS, creator="PixelAlmanac", categories=("lights",)),
)  # fmt: skip

FOLK = (
    _commons("folk", "Salt Road", BY_4, SOUND_ONLY, flaw="holds only sound, though its type says video"),
    _commons("folk", "Over the Weir", DISAGREEING, BARN_ROAD, flaw="the licence's name and its address disagree"),
    _commons("folk", "The Windmill at Mill Lane", BY_SA_4, MILL_LANE, creator="Hester Quill", date="2009-08-21"),
    _commons("folk", "Road to the Barn Dance", CC0, BARN_ROAD, creator="Josef Amsel"),
    _pixabay("folk", "Swallows over the hills", SWALLOWS, categories=("swallow", "hills")),
)  # fmt: skip

NATURE = (
    _commons("nature-sounds", "Dawn Chorus at Alder Wood", BY_4, SHINGLE, fault=Fault.GONE),
    _commons("nature-sounds", "Night Heath", NOTHING_STATED, SHINGLE, flaw="states no licence"),
    _commons("nature-sounds", "Gulls over a Shingle Beach", BY_4, SHINGLE, creator="Ewan Farrow",
             categories=("Gulls in flight",)),
    _commons("nature-sounds", "Rain on the Pond", PUBLIC_DOMAIN, POND_RAIN, creator="Field Notes Collective"),
    _pixabay("nature-sounds", "Wind in the larches", LARCHES, categories=("wind", "trees")),
)  # fmt: skip

STREET = (
    _commons("street-sounds", "Siren on Ninth", LOOK_ALIKE, MARKET,
             flaw="the licence address only looks like Creative Commons"),
    _commons("street-sounds", "Ambulance Passing", BY_4, MARKET, fault=Fault.TRUNCATED),
    _commons("street-sounds", "Ring Road at Night", BY_SA_4, RING_ROAD, creator="City Tape Library"),
    _commons("street-sounds", "Market Street, Three Signs", BY_4, MARKET, creator="Ada Contreras",
             fault=Fault.RATE_LIMITED_TWICE),
    _pixabay("street-sounds", "A train of the Northern Line", NORTHERN_LINE, categories=("train", "station")),
    _pixabay("street-sounds", "Market street again", MARKET, categories=("market",),
             flaw="the same bytes as a film on Commons"),
    _pixabay("street-sounds", "Bakery, upright", UPRIGHT_STREET, categories=("bakery", "portrait")),
)  # fmt: skip

TROUBLE = (
    _commons("trouble", "No trouble at all", BY_4, _take(1)),
    _commons("trouble", "Too many requests, twice", BY_4, _take(2), fault=Fault.RATE_LIMITED_TWICE),
    _commons("trouble", "Service unavailable, twice", BY_4, _take(3), fault=Fault.UNAVAILABLE_TWICE),
    _commons("trouble", "Service unavailable", BY_4, _take(1), fault=Fault.UNAVAILABLE),
    _commons("trouble", "Cut short once", BY_4, _take(4), fault=Fault.TRUNCATED_ONCE),
    _commons("trouble", "Round and round", BY_4, _take(1), fault=Fault.REDIRECT_LOOP),
    _commons("trouble", "Through the back door", BY_4, _take(1), fault=Fault.REDIRECT_PRIVATE),
    _commons("trouble", "Ten terabytes", BY_4, _take(1), fault=Fault.OVERSIZED),
    _commons("trouble", "Documentation licence alone", GFDL, _take(1), flaw="its licence is not Creative Commons"),
    _commons("trouble", "Moving pictures called sound", BY_SA_4, _take(7, Format.OGV_THEORA),
             stored_name="Moving pictures called sound.ogg"),
    _commons("trouble", "Name in many scripts", CC0, _take(5), stored_name="песня ñandú 音楽 & \"quotes\".mp4"),
    _pixabay("trouble", "Pixabay without trouble", _take(6)),
    _pixabay("trouble", "Pixabay cut short", _take(1), fault=Fault.TRUNCATED),
    _pixabay("trouble", "Pixabay gone", _take(1), fault=Fault.GONE),
)  # fmt: skip

FILMS: tuple[Film, ...] = (*JAZZ, *AMBIENT, *ELECTRONIC, *FOLK, *NATURE, *STREET, *TROUBLE)
