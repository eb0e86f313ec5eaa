from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from include.catalog.keys import LONGEST_KEY_BYTES, RunFolder, archive_key, failure_key, is_slug, raw_filename

FOLDER = RunFolder("audio", "internet-archive", "jazz", "20260301_063000")
ASSET_IDS = st.text(alphabet="0123456789abcdef", min_size=24, max_size=24)
NAMES = st.one_of(
    st.text(), st.text(alphabet="aB1 ._-/"), st.sampled_from(["01.mp3", "Vol. 2 The Remastered", "a.b.c"])
)


@given(NAMES, NAMES, ASSET_IDS, ASSET_IDS)
def test_two_assets_never_share_a_key(one, other, one_id, other_id):
    assume(one_id[:8] != other_id[:8])  # the digits that stand in the name
    names = raw_filename(one, one_id), raw_filename(other, other_id)
    assert all(map(is_slug, names))
    assert FOLDER.raw(names[0]) != FOLDER.raw(names[1])
    assert FOLDER.processed(names[0], "features") != FOLDER.processed(names[1], "features")


@given(NAMES, ASSET_IDS)
def test_the_digits_of_an_asset_stand_at_the_end_of_the_stem(name, asset_id):
    processed = FOLDER.processed(raw_filename(name, asset_id), "features")
    assert processed.endswith(f"-{asset_id[:8]}_features.json")


def test_what_follows_the_last_dot_of_a_title_is_no_extension():
    assert raw_filename("Vol. 9 The Outtakes-long", "a" * 24) == "Vol.9-The-Outtakes-long-aaaaaaaa".replace(".", "-")
    assert raw_filename("disc 1. take 2.flac", "a" * 24).endswith("-aaaaaaaa.flac")


def test_whatever_key_an_upload_has_those_made_of_it_are_keys_of_s3():
    one, other = (f"footage/cam-1/20260301/{'🚗' * 240}{n}.mp4" for n in (1, 2))
    long = [f"footage/{'n' * 1011}{n}.mp4" for n in (1, 2)]
    for key in (*long, one, other, f"footage/a.{'x' * 1014}"):
        for made in (failure_key(key), archive_key(key, "-72dd7859"), archive_key(key)):
            assert len(made.encode()) <= LONGEST_KEY_BYTES
    assert len(set(map(failure_key, long))) == len({archive_key(key, "-72dd7859") for key in long}) == 2
