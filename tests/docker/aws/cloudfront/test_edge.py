"""The edge over the wire: what plays, to whom, and what does not."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

import pytest

from aws_emulator.services.cloudfront.key_pairs import make_ecdsa_key

KEY = "video/web.mp4"


def refused(answer) -> str:
    assert answer.status == 403
    return answer.code


@pytest.mark.parametrize("signer", [0, 1], ids=["rsa", "ecdsa"])
@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256"])
def test_a_signed_link_plays(edge, signer, algorithm):
    answer = edge.get(edge.signed(KEY, signer, algorithm=algorithm))
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Length"] == "10"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"] == '"781e5e245d69b566979b86e28d23f2c7"'
    assert answer.headers["x-amz-meta-device"] == "cam-1"


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-0,3-4", 200, b"0123456789", None),
        ("seconds=1-2", 200, b"0123456789", None),
        ("bytes=x", 200, b"0123456789", None),
    ],
)
def test_a_player_seeks_by_ranges(edge, asked, status, body, told):
    answer = edge.get(edge.signed(KEY), Range=asked)
    assert (answer.status, answer.body, answer.headers["Content-Range"]) == (status, body, told)


def test_a_range_beyond_the_end_is_not_satisfiable(edge):
    answer = edge.get(edge.signed(KEY), Range="bytes=10-12")
    assert (answer.status, answer.code, answer.headers["Content-Range"]) == (416, "InvalidRange", "bytes */10")


def test_a_large_object_arrives_whole_and_in_ranges(edge):
    body = bytes(range(256)) * 40_000  # 10 MB: moto keeps it in a file
    edge.put("large.mp4", body)
    url = edge.signed("large.mp4")
    assert edge.get(url).body == body
    assert edge.get(url, Range="bytes=5000001-9999999").body == body[5_000_001:10_000_000]


def test_head_tells_what_get_would(edge):
    url = edge.signed(KEY)
    answer = edge.get(url, "HEAD")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "10")
    assert edge.get(url, "HEAD", Range="bytes=0-3").headers["Content-Range"] == "bytes 0-3/10"


def test_what_a_viewer_has_already_is_not_sent_again(edge):
    url = edge.signed(KEY)
    etag = edge.get(url).headers["ETag"]
    assert edge.get(url, If_None_Match=etag).status == 304
    assert edge.get(url, If_Range=etag, Range="bytes=0-1").status == 206
    assert edge.get(url, If_Range='"another"', Range="bytes=0-1").status == 200


def test_a_link_without_a_signature_is_refused(edge):
    assert refused(edge.get(edge.url(KEY))) == "MissingKey"
    answer = edge.get(edge.url(KEY), "HEAD")
    assert (answer.status, answer.body) == (403, b"")


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("Key-Pair-Id", "MissingKey"),
        ("Signature", "AccessDenied"),
        ("Expires", "AccessDenied"),
        ("Hash-Algorithm", "AccessDenied"),
    ],
)
def test_a_link_that_lacks_a_parameter_is_refused(edge, missing, code):
    url, _, query = edge.signed(KEY).partition("?")
    kept = [part for part in query.split("&") if not part.startswith(f"{missing}=")]
    assert refused(edge.get(f"{url}?{'&'.join(kept)}")) == code


@pytest.mark.parametrize("more", ["&Expires=9999999999", "&Policy=e30_", "&Signature=e30_", "&size=large", "&", "?"])
def test_a_link_with_something_added_is_refused(edge, more):
    assert refused(edge.get(edge.signed(KEY) + more)) == "AccessDenied"


def test_a_query_of_the_object_is_signed_with_it(edge):
    url = edge.signers[0].sign(edge.url(KEY) + "?size=large")
    assert edge.get(url).status == 200
    assert refused(edge.get(url.replace("size=large", "size=small"))) == "AccessDenied"


def test_a_link_is_refused_from_the_second_on_in_which_it_expires(edge):
    assert refused(edge.get(edge.signed(KEY, expires_s=0))) == "AccessDenied"
    assert refused(edge.get(edge.signed(KEY, expires_s=-60, starts_s=-120))) == "AccessDenied"


def test_a_link_is_refused_before_it_starts(edge):
    assert refused(edge.get(edge.signed(KEY, starts_s=30))) == "AccessDenied"
    assert edge.get(edge.signed(KEY, starts_s=-30)).status == 200


@pytest.mark.parametrize(
    ("ip_address", "status"),
    [("127.0.0.1", 200), ("127.0.0.0/8", 200), ("0.0.0.0/0", 200), ("203.0.113.0/24", 403), ("127.0.0.2", 403)],
)
def test_a_link_for_an_address_range_is_refused_elsewhere(edge, ip_address, status):
    assert edge.get(edge.signed(KEY, ip_address=ip_address)).status == status


def test_a_policy_for_many_objects_covers_those_and_no_others(edge):
    edge.put("video/moment.jpg")
    edge.put("audio/web.mp4")
    url = edge.signed(KEY, resource=edge.url("video/*"))
    assert edge.get(url).status == edge.get(url.replace("web.mp4", "moment.jpg")).status == 200
    assert refused(edge.get(url.replace("/video/", "/audio/"))) == "AccessDenied"
    one = edge.signed(KEY, resource=edge.url("video/web.mp?"))
    assert edge.get(one).status == 200
    assert refused(edge.get(one.replace("web.mp4", "moment.jpg"))) == "AccessDenied"


@pytest.mark.parametrize(
    "policy",
    [
        "no JSON",
        "[]",
        '{"Statement": []}',
        '{"Statement": [{"Condition": {}}]}',
        '{"Statement": [{"Condition": {"DateLessThan": {"AWS:EpochTime": "9999999999"}}}]}',
        '{"Statement": [{"Condition": {"DateLessThan": {"AWS:EpochTime": 9999999999}, "Bool": {}}}]}',
        '{"Statement": [{"Condition": {"DateLessThan": {"AWS:EpochTime": 1}, "IpAddress": {"AWS:SourceIp": "::1"}}}]}',
        '{"Statement": [{"Resource": 7, "Condition": {"DateLessThan": {"AWS:EpochTime": 9999999999}}}]}',
    ],
)
def test_a_signed_policy_that_is_none_is_malformed(edge, policy):
    assert refused(edge.get(edge.signers[0].by_policy(edge.url(KEY), policy))) == "MalformedPolicy"


def test_a_policy_that_was_changed_is_refused(edge):
    url = edge.signed(KEY, ip_address="203.0.113.9")
    text = re.search(r"Policy=([^&]*)", url)[1].translate(str.maketrans("-_~", "+=/"))
    policy = json.loads(base64.b64decode(text))
    policy["Statement"][0]["Condition"].pop("IpAddress")
    forged = base64.b64encode(json.dumps(policy).encode()).decode().translate(str.maketrans("+=/", "-_~"))
    assert refused(edge.get(re.sub(r"Policy=[^&]*", f"Policy={forged}", url))) == "AccessDenied"


def test_another_key_under_a_trusted_id_is_refused(edge):
    signer = edge.signers[1]
    impostor = type(signer)(signer.key_id, make_ecdsa_key())
    assert refused(edge.get(impostor.sign(edge.url(KEY)))) == "AccessDenied"


def test_a_key_outside_the_group_is_unknown(edge, new_signer):
    assert refused(edge.get(new_signer().sign(edge.url(KEY)))) == "InvalidKey"


def test_after_a_rotation_old_links_work_until_the_old_key_leaves_the_group(new_edge, new_signer):
    edge = new_edge()
    old, other = edge.signers
    link = old.sign(edge.url(KEY))
    new = new_signer()
    edge.trust(new, old, other)
    assert edge.get(link).status == edge.get(new.sign(edge.url(KEY))).status == 200
    edge.trust(new, other)
    assert refused(edge.get(link)) == "InvalidKey"
    assert edge.get(new.sign(edge.url(KEY))).status == 200


@pytest.mark.parametrize(
    "key",
    [
        "a b.mp4",
        "a+b.mp4",
        "100%.mp4",
        "%2e%2e/x",
        "ü/日本語.mp4",
        "a//b",
        "../up.mp4",
        "a/../b",
        "a?b#c&d=e",
        "*",
        "/lead",
    ],
)
def test_every_key_plays_when_it_is_encoded_once(edge, key):
    edge.put(key, key.encode())
    assert edge.get(edge.signed(quote(key, safe="/"))).body == key.encode()


@pytest.mark.parametrize(
    "raw_key",
    [
        "", "video/", "video", "missing.mp4", "video/web.mp4%00", "%ff%fe", "..%2fmedia-raw/secret",
        "../../media-raw/secret", "../media-raw/secret", "/media-raw/secret", "%2e%2e/media-raw/secret",
        "video%2fweb.mp4%20", "?list-type=2",
    ],
)  # fmt: skip
def test_what_is_no_object_of_the_bucket_is_refused_without_a_word_about_it(edge, raw_key):
    edge.s3.put_object(Bucket="media-raw", Key="secret", Body=b"secret")
    answer = edge.get(edge.signed(raw_key))
    assert refused(answer) == "AccessDenied"
    assert b"secret" not in answer.body


def test_an_encoded_slash_is_the_same_key_but_needs_its_own_signature(edge):
    assert edge.get(edge.signed("video%2Fweb.mp4")).status == 200
    assert refused(edge.get(edge.signed(KEY).replace("video/web", "video%2Fweb"))) == "AccessDenied"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_but_reading_is_offered(edge, method):
    assert refused(edge.get(edge.signed(KEY), method)) == "AccessDenied"


def test_a_deleted_object_no_longer_plays(edge):
    edge.put("short-lived.mp4")
    url = edge.signed("short-lived.mp4")
    assert edge.get(url).status == 200
    edge.s3.delete_object(Bucket=edge.bucket, Key="short-lived.mp4")
    assert refused(edge.get(url)) == "AccessDenied"


def test_an_archived_object_does_not_play(edge):
    edge.put("old.mp4", StorageClass="DEEP_ARCHIVE")
    assert refused(edge.get(edge.signed("old.mp4"))) == "AccessDenied"


def test_a_distribution_that_does_not_exist_says_so(edge):
    answer = edge.get(edge.signed(KEY).replace(edge.name, "test-nobody"))
    assert (answer.status, answer.code) == (404, "NoSuchDistribution")


def test_the_seeded_distribution_plays_what_the_seeded_secret_signed(aws, edge):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    secrets = aws.client("secretsmanager")
    aws.s3().put_object(Bucket="media-processed", Key="video/footage/cam/a.mp4", Body=b"drive")
    for stage in ("AWSCURRENT", "AWSPENDING"):
        text = secrets.get_secret_value(SecretId="media/cloudfront-signing-key", VersionStage=stage)["SecretString"]
        pair = json.loads(text)
        signer = type(edge.signers[0])(
            pair["key_pair_id"], load_pem_private_key(pair["private_key"].encode(), password=None)
        )
        answer = aws.send("GET", signer.sign(f"{aws.url}/_cloudfront/media/video/footage/cam/a.mp4"))
        assert (answer.status, answer.body) == (200, b"drive")
