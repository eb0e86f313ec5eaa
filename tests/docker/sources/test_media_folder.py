"""A folder of one's own media as a campaign."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest

from sources_emulator.media_folder import media_files, shelve_folder


def items_by_title(archive) -> dict[str, dict]:
    params = {"q": "(my media) AND licenseurl:*creativecommons*", "output": "json", "rows": 100}
    docs = archive.get("/advancedsearch.php", params=params).json()["response"]["docs"]
    return {doc["identifier"]: archive.get(f"/metadata/{doc['identifier']}").json() for doc in docs}


def test_media_files_are_found_by_their_names_and_hidden_or_outer_ones_are_not(media_folder):
    names = {str(path.relative_to(media_folder.resolve())) for path in media_files(media_folder)}
    alike = {"link-in.mp3", "tune.mp3"}  # a link and its target: one of them stands for both
    assert names - alike == {"clip.MOV", "empty.wav", "sub/deeper/Café №5 #1 100%?.FLAC", "sub/tune.mp3", "voice.raw"}
    assert len(names & alike) == 1


def test_every_file_is_an_item_with_its_name_and_checksums_and_is_served_from_the_folder(archive, media_folder):
    contents = {path.name + path.parent.name: path.read_bytes() for path in media_files(media_folder)}
    items = items_by_title(archive)
    assert len(items) == len(contents) == 6
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
    items = shelve_folder(tmp_path, lambda done, total: None)
    names = sorted(next(iter(item.files)) for item in items)
    assert names == ["bad\ufffd.mp3", "good.mp3"]


def test_identifiers_are_the_same_in_every_run(media_folder):
    runs = [[item.identifier for item in shelve_folder(media_folder, lambda done, total: None)] for _ in range(2)]
    assert runs[0] == runs[1]
