"""The catalogue's data: one call of `_item` per item, in the order in which a search finds them.

To add an item: copy a line, give it another identifier and title, choose a style from `composing/styles.py`, and (for
music) a tempo, a key and a mode. It is rendered at the next start; everything else is kept from the cache.
"""

from __future__ import annotations

from sources_emulator.catalogue import Fault, Item, Track, file_stem, slug
from sources_emulator.composing.piece import Piece

CAMPAIGNS = ("jazz", "ambient", "electronic", "folk", "nature-sounds", "street-sounds")

BY_4 = "http://creativecommons.org/licenses/by/4.0/"
BY_4_BARE = "https://creativecommons.org/licenses/by/4.0"
BY_4_DEED = "https://creativecommons.org/licenses/by/4.0/deed.en"
BY_3 = "http://creativecommons.org/licenses/by/3.0/"
BY_3_US = "http://creativecommons.org/licenses/by/3.0/us/"
BY_25_IT = "http://creativecommons.org/licenses/by/2.5/it/"
BY_SA_4 = "https://creativecommons.org/licenses/by-sa/4.0/"
BY_SA_3_BARE = "http://creativecommons.org/licenses/by-sa/3.0"
BY_SA_2_DE = "https://creativecommons.org/licenses/by-sa/2.0/de/"
BY_NC_3 = "http://creativecommons.org/licenses/by-nc/3.0/"
BY_NC_4_DEED_FR = "https://creativecommons.org/licenses/by-nc/4.0/deed.fr"
BY_NC_SA_4 = "https://creativecommons.org/licenses/by-nc-sa/4.0/"
BY_ND_3 = "http://creativecommons.org/licenses/by-nd/3.0/"
BY_NC_ND_4 = "https://creativecommons.org/licenses/by-nc-nd/4.0/"
CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"
CC0_HTTP = "http://creativecommons.org/publicdomain/zero/1.0/"
CC0_DEED = "https://creativecommons.org/publicdomain/zero/1.0/deed.en"
PDM = "http://creativecommons.org/publicdomain/mark/1.0/"
LOOK_ALIKE = "http://creativecommons.org.licences.example/licenses/by/4.0/"
ALL_RIGHTS = "https://www.example.org/terms#all-rights-reserved"


def _item(
    campaign: str,
    title: str,
    creator: str | tuple[str, ...],
    licence: str | None,
    *pieces: tuple[str, Piece] | Piece,
    formats: tuple[str, ...] = ("mp3",),
    about: str | tuple[str, ...] = "",
    also: tuple[str, ...] = (),
    date: str = "2019-05-04",
    identifier: str | None = None,
    fault: Fault | None = None,
    flaw: str | None = None,
    index_licence: str | None = None,
    private_original: bool = False,
    mediatype: str = "audio",
) -> Item:
    """An item whose subject names its campaign, as tags do; `also` are further tags, `about` is the description."""
    words = campaign.replace("-", " ")
    identifier = identifier or slug(title)
    tracks = []
    for number, entry in enumerate(pieces, start=1):
        track_title, piece = entry if isinstance(entry, tuple) else (title, entry)
        name = f"{number:02d} - {file_stem(track_title)}.{formats[0]}" if len(pieces) > 1 else None
        tracks.append(Track(piece, track_title, name))
    return Item(
        identifier=identifier,
        campaign=campaign,
        title=title,
        creator=creator,
        licence=licence,
        tracks=tuple(tracks),
        formats=formats,
        subject=(words, *also) if also else words,
        description=about or f"{title}: a recording in the {words} collection.",
        date=date,
        index_licence=licence if index_licence is None else index_licence,
        fault=fault,
        flaw=flaw,
        private_original=private_original,
        mediatype=mediatype,
    )


def _music(style: str, tempo: float, key: str, mode: str, seconds: float = 30, peak: float = -1.5) -> Piece:
    return Piece(style, seconds, tempo, key, mode, seed=f"{style}-{tempo}-{key}-{mode}", peak_dbfs=peak)


def _scene(style: str, seconds: float = 30, peak: float = -3.0, take: int = 1) -> Piece:
    return Piece(style, seconds, seed=f"take {take}", peak_dbfs=peak)


JAZZ = (
    _item("jazz", "Late Train to Nowhere", "The Blue Lantern Trio", BY_4, _music("swing_trio", 132, "F", "major", 34),
          also=("swing", "piano trio"),
          about="<p>A walking bass, a ride cymbal and a long way home.<br />Live to two tracks.</p>"),
    _item("jazz", "Velvet Static", "Orla Venn", BY_SA_4, _music("vibes_quartet", 118, "A#", "major", 28),
          fault=Fault.WRONG_MD5, also=("vibraphone",)),
    _item("jazz", "Three Coins for Miriam", "The Ansel Road Quartet", None, _music("swing_trio", 140, "G", "major", 26),
          index_licence=BY_4, flaw="stale index: the metadata carries no licence"),
    _item("jazz", "Smoke over Harbour Street", "Theo Marlind", BY_SA_3_BARE,
          _music("vibes_quartet", 120, "D", "minor", 32),
          formats=("flac", "mp3"), also=("vibraphone", "minor swing"), date="2017-11-02"),
    _item("jazz", "The Night Porter's Tapes", ("The Night Porters", "Ida Solberg"), BY_NC_3,
          ("Key under the Mat", _music("swing_trio", 126, "C", "major", 24)),
          ("Room 214", _music("vibes_quartet", 138, "G", "minor", 24)),
          ("Elevator Waltz in Four", _music("swing_trio", 112, "D#", "major", 24)),
          ("Last Call", _music("slow_ballad", 80, "A", "minor", 24)),
          formats=("flac", "mp3"), identifier="night-porters-2016-09-14.flac16", mediatype="etree",
          date="2016-09-14", also=("Live concert",), about="Disc one: 01: Key under the Mat 02: Room 214 03: Elevator "
          "Waltz in Four 04: Last Call. An evening of jazz."),
    _item("jazz", "Café Meridian", "Luz Ferreira", BY_25_IT, _music("swing_trio", 146, "A", "minor", 30),
          formats=("ogg", "mp3"), also=("bebop",)),
    _item("jazz", "Small Hours Blue", "Nils Aksel Band", CC0, _music("slow_ballad", 76, "C", "major", 38, -4.0),
          formats=("flac",),
          also=("ballad",)),
    _item("jazz", "Paper Boats on Canal Street", "The Blue Lantern Trio", BY_4_DEED,
          _music("swing_trio", 128, "G", "minor", 28), formats=("wav", "mp3")),
    _item("jazz", "Corner Table", "Quiet Arithmetic", BY_NC_SA_4, _music("vibes_quartet", 110, "D", "major", 30),
          formats=("m4a",)),
    _item("jazz", "Umbrella Stand Stomp", ("Ida Solberg", "Theo Marlind"), PDM,
          _music("swing_trio", 150, "A#", "major", 24)),
    _item("jazz", "Marmalade", "The Ansel Road Quartet", BY_3_US, _music("swing_trio", 122, "E", "minor", 32, -2.5),
          formats=("flac",)),
)  # fmt: skip

AMBIENT = (
    _item("ambient", "Glass Harbour", "Hollow Tide", BY_4_BARE, _music("bell_pads", 72, "D", "major", 40, -6.0),
          formats=("flac",),
          also=("drone", "pads")),
    _item("ambient", "Slow Lights over the Fjord", "Norrsken", BY_SA_4, _music("pulsing_pads", 80, "A", "minor", 36),
          formats=("ogg",)),
    _item("ambient", "Under Ice", "Hollow Tide", BY_4, _music("bell_pads", 70, "F", "minor", 24),
          fault=Fault.HTML_PAGE),
    _item("ambient", "Letters Never Sent", "Maren Oyelaran", BY_ND_3, _music("drifting_pads", 74, "G", "major", 24),
          flaw="ND: no derivative may be published"),
    _item("ambient", "The Observatory", "Cassini Division", CC0_HTTP,
          _music("drifting_pads", 84, "E", "minor", 44, -5.0),
          formats=("flac", "ogg"), about="Ambient for the hours before dawn.<br>Best with headphones."),
    _item("ambient", "Moss", "Maren Oyelaran", BY_4_DEED, _music("bell_pads", 76, "C", "major", 32), formats=("opus",)),
    _item("ambient", "Harmonium Weather", ("Norrsken", "Ann-Sofi Dahl"), BY_3,
          _music("pulsing_pads", 90, "G", "minor", 36), formats=("m4a",)),
    _item("ambient", "Tidal Clock", "Hollow Tide", BY_NC_4_DEED_FR, _music("pulsing_pads", 70, "A#", "major", 38, -8.0),
          formats=("wav", "mp3")),
    _item("ambient", "Lanterns at Low Water", "Cassini Division", BY_SA_2_DE,
          _music("bell_pads", 86, "B", "minor", 34), formats=("flac",)),
    _item("ambient", "A Room with Snow in It", "Maren Oyelaran", PDM, _music("drifting_pads", 78, "F", "major", 40),
          formats=("ogg",)),
    _item("ambient", "Long Exposure", "Quiet Arithmetic", BY_NC_SA_4,
          _music("bell_pads", 74, "C#", "minor", 36, -4.0), formats=("m4a",)),
)  # fmt: skip

ELECTRONIC = (
    _item("electronic", "Copper Wire", "Pulse Meridian", BY_SA_4, _music("four_on_the_floor", 124, "A", "minor", 32),
          also=("techno", "four on the floor")),
    _item("electronic", "Night Bus Geometry", "Kilowatt Choir", BY_4, _music("deep_house", 120, "C", "minor", 26),
          fault=Fault.TRUNCATED),
    _item("electronic", "Borrowed Voltage", "Anode & Sons", LOOK_ALIKE,
          _music("four_on_the_floor", 130, "E", "minor", 22),
          flaw="the licence address only looks like Creative Commons"),
    _item("electronic", "Solar Typewriter", "Kilowatt Choir", BY_4_BARE,
          _music("four_on_the_floor", 128, "F", "major", 30),
          formats=("flac", "mp3"), also=("trance",)),
    _item("electronic", "Subway Cathedral", "Dr. Lumen", CC0_DEED, _music("deep_house", 118, "D", "minor", 36),
          formats=("flac",)),
    _item("electronic", "Eight Bit Orchard", "Pixel Almanac", BY_3_US, _music("broken_beat", 100, "G", "major", 28),
          formats=("ogg",)),
    _item("electronic", "Machine Room Suite", "Pulse Meridian", BY_NC_SA_4,
          ("Boot Sequence", _music("four_on_the_floor", 126, "B", "minor", 22)),
          ("Fan Control", _music("deep_house", 122, "E", "major", 22)),
          ("Hot Aisle", _music("broken_beat", 92, "F#", "minor", 22)),
          ("Graceful Shutdown", _music("four_on_the_floor", 132, "D", "major", 22)),
          formats=("wav", "ogg"), private_original=True,
          about="Four electronic pieces. The originals are for listening only."),
    _item("electronic", "Ferrite", "Anode & Sons", PDM, _music("four_on_the_floor", 136, "G", "minor", 30, -0.3),
          formats=("flac",)),
    _item("electronic", "Glow Stick Philosophy", ("Dr. Lumen", "Kilowatt Choir"), BY_SA_3_BARE,
          _music("deep_house", 116, "A#", "major", 30),
          formats=("m4a",)),
    _item("electronic", "Ninety-Two Degrees", "Pixel Almanac", BY_NC_3, _music("broken_beat", 96, "C", "minor", 34)),
    _item("electronic", "Northern Loop Line", "Pulse Meridian", BY_25_IT,
          _music("four_on_the_floor", 140, "C", "major", 26), formats=("opus",)),
)  # fmt: skip

FOLK = (
    _item("folk", "The Miller's Daughter Counts the Rain", "Hester Quill", BY_3,
          _music("fingerpicking", 96, "G", "major", 36),
          also=("acoustic", "guitar"),
          about="<p>Fingerpicked guitar and whistle, a new tune in an old folk manner.</p>"),
    _item("folk", "Barley and Iron", "The Tollgate Players", BY_SA_4, _music("strumming", 108, "D", "major", 26),
          fault=Fault.WRONG_MD5),
    _item("folk", "Salt Road", "Josef Amsel", ALL_RIGHTS, _music("strumming", 104, "A", "minor", 24),
          index_licence=BY_SA_4,
          flaw="stale index: the metadata's licence is not Creative Commons"),
    _item("folk", "Swallows in the Barn", "Hester Quill", CC0, _music("waltz", 112, "C", "major", 32),
          formats=("flac", "mp3"),
          also=("waltz",)),
    _item("folk", "Juniper Gate", ("Josef Amsel", "Mirela Stan"), BY_4_DEED,
          _music("fingerpicking", 88, "A", "minor", 34), formats=("ogg",)),
    _item("folk", "Over the Weir", "The Tollgate Players", BY_SA_2_DE, _music("strumming", 116, "C", "major", 30),
          formats=("flac",)),
    _item("folk", "Wool Market Morning", "Mirela Stan", PDM, _music("strumming", 100, "D", "minor", 30),
          formats=("wav", "mp3")),
    _item("folk", "Lantern Waltz", "Hester Quill", BY_NC_4_DEED_FR, _music("waltz", 126, "E", "minor", 28),
          formats=("flac",)),
    _item("folk", "Songs from the Ferryman's House", "The Tollgate Players", BY_4,
          ("Morning Crossing", _music("strumming", 110, "G", "major", 22)),
          ("Rope and Tar", _music("fingerpicking", 92, "E", "minor", 22)),
          ("The Widow's Waltz", _music("waltz", 120, "A", "major", 22)),
          ("Homeward", _music("fingerpicking", 84, "D", "major", 22)),
          formats=("flac", "mp3"), date="2014-06-21"),
    _item("folk", "Hedgerow", "Josef Amsel", BY_NC_3, _music("fingerpicking", 104, "F", "major", 30, -5.0),
          formats=("flac",)),
    _item("folk", "Winter Apples", "Mirela Stan", BY_4_BARE, _music("fingerpicking", 80, "B", "minor", 36),
          formats=("m4a",)),
)  # fmt: skip

NATURE = (
    _item("nature-sounds", "Rain on a Tin Roof", "Field Notes Collective", CC0, _scene("rain", 34), formats=("ogg",),
          also=("rain", "field recording")),
    _item("nature-sounds", "Dawn Chorus at Alder Wood", "Wren & Daughter", BY_4, _scene("birdsong", 26, take=2),
          fault=Fault.HTML_PAGE),
    _item("nature-sounds", "Night Heath", "Field Notes Collective", None, _scene("crickets", 22, take=2),
          index_licence=CC0,
          flaw="stale index: the metadata carries no licence"),
    _item("nature-sounds", "Blackbirds before Sunrise", "Wren & Daughter", BY_SA_4, _scene("birdsong", 36),
          formats=("flac", "ogg"),
          also=("birds", "dawn chorus")),
    _item("nature-sounds", "Atlantic Surf, Shingle Beach", "Ewan Farrow", BY_4_BARE, _scene("waves", 40),
          formats=("wav", "mp3"), also=("ocean", "waves")),
    _item("nature-sounds", "Crickets in July", "Field Notes Collective", BY_3, _scene("crickets", 30, -9.0),
          formats=("flac",),
          also=("insects",)),
    _item("nature-sounds", "Thunder Rolling off the Plateau", "Ewan Farrow", PDM,
          _scene("rain_and_thunder", 44, -1.0), formats=("ogg",)),
    _item("nature-sounds", "Wind in the Larches", ("Ewan Farrow", "Wren & Daughter"), BY_NC_SA_4, _scene("wind", 34),
          formats=("m4a",)),
    _item("nature-sounds", "Hill Stream after Snowmelt", "Field Notes Collective", BY_4_DEED, _scene("stream", 32),
          formats=("opus",)),
    _item("nature-sounds", "Frog Pond, Ten Past Midnight", "Wren & Daughter", BY_NC_3, _scene("frog_pond", 30),
          formats=("opus",)),
    _item("nature-sounds", "Soft Rain, Open Window", "Ewan Farrow", CC0_DEED, _scene("rain", 28, -12.0, take=3),
          formats=("m4a",)),
)  # fmt: skip

STREET = (
    _item("street-sounds", "Ring Road at Rush Hour", "City Tape Library", CC0_HTTP, _scene("traffic", 34),
          formats=("flac",),
          also=("traffic", "city")),
    _item("street-sounds", "Market Bells", "Ada Contreras", BY_4, _scene("bell_square", 24, take=2),
          fault=Fault.TRUNCATED),
    _item("street-sounds", "Siren on Ninth", "City Tape Library", BY_NC_ND_4, _scene("siren", 22, take=2),
          flaw="ND: no derivative may be published"),
    _item("street-sounds", "Footsteps in the Arcade", "Ada Contreras", BY_SA_4, _scene("footsteps", 30),
          formats=("wav", "mp3"), also=("footsteps",)),
    _item("street-sounds", "Cathedral Square, Noon", "Piet Vandersteen", BY_SA_2_DE, _scene("bell_square", 36),
          formats=("flac", "ogg"), also=("bells",)),
    _item("street-sounds", "Ambulance Passing", "City Tape Library", PDM, _scene("siren", 26), formats=("opus",)),
    _item("street-sounds", "Metro, Line Four", "Ada Contreras", BY_4_DEED, _scene("metro", 38), formats=("ogg",),
          also=("underground",)),
    _item("street-sounds", "Tram Stop, Evening", "Piet Vandersteen", BY_3_US, _scene("tram_stop", 32),
          formats=("m4a",)),
    _item("street-sounds", "Scaffolders at Eight", "City Tape Library", BY_NC_3, _scene("building_site", 28),
          formats=("m4a",)),
    _item("street-sounds", "Wet Avenue", ("Ada Contreras", "Piet Vandersteen"), BY_4_BARE, _scene("rainy_avenue", 34),
          formats=("opus",)),
    _item("street-sounds", "Crossing at the Lights", "Piet Vandersteen", BY_25_IT,
          _scene("traffic", 30, -6.0, take=3), formats=("flac",)),
)  # fmt: skip

ITEMS = (*JAZZ, *AMBIENT, *ELECTRONIC, *FOLK, *NATURE, *STREET)
