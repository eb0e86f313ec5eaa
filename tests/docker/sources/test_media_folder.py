"""A folder of one's own media as a campaign."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest

from sources_emulator.media_folder import media_files, shelve_folders


def items_by_title(archive) -> dict[str, dict]:
    params = {"q": "(my media) AND licenseurl:*creativecommons*", "output": "json", "rows": 100}
    docs = archive.get("/advancedsearch.php", params=params).json()["response"]["docs"]
    return {doc["identifier"]: archive.get(f"/metadata/{doc['identifier']}").json() for doc in docs}


def test_media_files_are_found_by_their_names_and_hidden_or_outer_ones_are_not(media_folder):
    names = {str(path.relative_to(media_folder.resolve())) for path in media_files(media_folder)}
    alike = {"link-in.mp3", "tune.mp3"}  # a link and its target: one of them stands for both
    sounds = {"empty.wav", "sub/deeper/Café №5 #1 100%?.FLAC", "sub/tune.mp3", "voice.raw"}
    assert names - alike == sounds | {"clip.MOV", "sub/Ebb_tide #2.mp4"}
    assert len(names & alike) == 1


def test_every_sound_is_an_item_with_its_name_and_checksums_and_is_served_from_the_folder(archive, media_folder):
    contents = {path.name + path.parent.name: path.read_bytes() for path in media_files(media_folder)}
    items = items_by_title(archive)
    assert len(items) == 5
    for identifier, item in items.items():
        original = item["files"][0]
        address = f"/download/{identifier}/{quote(original['name'], safe='')}"
        body = archive.get(address, follow_redirects=True).content
        assert body in contents.values()
        assert hashlib.md5(body).hexdigest() == original["md5"]
        assert hashlib.sha1(body).hexdigest() == original["sha1"]
        assert len(body) == int(original["size"])
        assert original["source"] == "original"


def test_an_item_of_the_folder_declares_who_vouches_for_it(archive):
    for identifier, item in items_by_title(archive).items():
        told = item["metadata"]
        assert identifier.startswith("my-media-")
        assert told["subject"] == ["my-media", "my media"]
        assert told["licenseurl"] == "https://creativecommons.org/publicdomain/zero/1.0/"
        assert told["creator"] == "declared by whoever runs it"
        assert told["mediatype"] == "audio"


def test_files_of_the_same_name_in_two_folders_are_two_items(archive):
    same = [item for item in items_by_title(archive).values() if item["files"][0]["name"].endswith("tune.mp3")]
    assert len({item["metadata"]["identifier"] for item in same}) == len(same)


@pytest.mark.parametrize(
    "name",
    [
        "../notes.txt",
        "..%2fnotes.txt",
        "%2e%2e/notes.txt",
        "/etc/passwd",
        "..%5c..%5cetc%5cpasswd",
        "notes.txt",
        ".hidden.mp3",
    ],
)
def test_nothing_else_can_be_reached_through_an_items_address(archive, name):
    identifier = next(iter(items_by_title(archive)))
    answer = archive.get(f"/download/{identifier}/{name}", follow_redirects=True)
    assert answer.status_code == 404


def test_a_name_that_is_no_unicode_does_not_stop_the_others(tmp_path):
    (tmp_path / "good.mp3").write_bytes(b"1")
    (tmp_path / b"bad\xff.mp3".decode("utf-8", "surrogateescape")).write_bytes(b"2")
    (tmp_path / b"bad\xff.mp4".decode("utf-8", "surrogateescape")).write_bytes(b"3")
    mine = shelve_folders([tmp_path], lambda done, total: None)
    names = sorted(next(iter(item.files)) for item in mine.items)
    assert names == ["bad\ufffd.mp3", "good.mp3"]
    assert [film.name for film in mine.films] == ["Bad-.mp4"]


def test_identifiers_are_the_same_in_every_run(media_folder):
    runs = [shelve_folders([media_folder], lambda done, total: None) for _ in range(2)]
    assert [item.identifier for item in runs[0].items] == [item.identifier for item in runs[1].items]
    assert [film.page_id for film in runs[0].films] == [film.page_id for film in runs[1].films]


def films_of(archive) -> dict[str, dict]:
    """The films of the folders as Commons tells them, by title."""
    params = {"action": "query", "format": "json", "formatversion": "2", "generator": "search", "gsrnamespace": "6"}
    params |= {"gsrsearch": "my media filetype:video", "prop": "videoinfo", "viprop": "url|size|sha1|mime|extmetadata"}
    pages = archive.get("/w/api.php", params=params).json()["query"]["pages"]
    return {page["title"]: page["videoinfo"][0] for page in pages}


def test_every_film_is_a_file_of_commons_and_no_item_of_the_archive(archive, media_folder, other_media_folder):
    films = films_of(archive)
    clips = [films.pop(title) for title in list(films) if title.startswith("File:Clip")]
    bodies = {archive.get(clip["url"]).content for clip in clips}
    assert bodies == {b"moov", b"another clip"}
    (film,) = films.values()
    assert list(films) == ["File:Ebb tide -2.mp4"]
    assert archive.get(film["url"]).content == (media_folder / "sub" / "Ebb_tide #2.mp4").read_bytes()
    assert (film["width"], film["height"], film["duration"], film["mime"]) == (96, 64, 1.0, "video/mp4")
    told = film["extmetadata"]
    assert told["LicenseUrl"]["value"] == "http://creativecommons.org/publicdomain/zero/1.0/deed.en"
    assert told["Artist"]["value"] == "declared by whoever runs it"


def test_health_counts_sounds_and_films_of_the_folders(archive):
    told = archive.get("/_health").json()
    assert (told["my_media"], told["my_media_audio"], told["my_media_video"]) == (8, 5, 3)
    assert told["film_campaigns"]["my-media"] == 3


def test_a_file_that_lies_in_two_of_the_folders_appears_once(media_folder):
    folders = [media_folder, media_folder / "sub"]
    mine = shelve_folders(folders, lambda done, total: None)
    assert (len(mine.items), len(mine.films)) == (5, 2)


def test_a_name_that_a_film_of_the_catalogue_bears_is_not_given_twice(tmp_path):
    (tmp_path / "slow_aurora.webm").write_bytes(b"mine")
    mine = shelve_folders([tmp_path], lambda done, total: None, taken=["Slow aurora.webm"])
    assert mine.films[0].name.startswith("Slow aurora (")
    assert mine.films[0].name.endswith(").webm")
