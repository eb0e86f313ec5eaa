"""Presigned URLs: good for their method, key, headers and time, and for nothing else."""

from __future__ import annotations

import datetime

import pytest

HOUR = datetime.timedelta(hours=1)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@pytest.fixture
def stored(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a b/ü.txt", Body=b"content")
    return {"Bucket": bucket, "Key": "a b/ü.txt"}


def test_a_presigned_get_gives_the_object(aws, s3, stored):
    url = s3.generate_presigned_url("get_object", stored)
    assert aws.send("GET", url).body == b"content"


def test_a_presigned_get_may_name_the_download(aws, s3, stored):
    url = s3.generate_presigned_url(
        "get_object",
        stored | {"ResponseContentDisposition": 'attachment; filename="x y.txt"', "ResponseContentType": "text/plain"},
    )
    answer = aws.send("GET", url)
    assert answer.body == b"content"
    assert (answer.headers["Content-Disposition"], answer.headers["Content-Type"]) == (
        'attachment; filename="x y.txt"',
        "text/plain",
    )
    missing = s3.generate_presigned_url("get_object", stored | {"Key": "none", "ResponseContentType": "text/plain"})
    assert aws.send("GET", missing).code == "NoSuchKey"


def test_a_presigned_put_stores_what_is_sent_with_the_headers_it_signs(aws, s3, bucket):
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k", "Metadata": {"who": "ann"}})
    assert aws.send("PUT", url, b"sent").code == "SignatureDoesNotMatch"
    assert aws.send("PUT", url, b"sent", {"x-amz-meta-who": "ann"}).status == 200
    stored = s3.get_object(Bucket=bucket, Key="k")
    assert (stored["Body"].read(), stored["Metadata"]) == (b"sent", {"who": "ann"})


def test_an_expired_url_is_denied(aws, s3, stored):
    path = f"/{stored['Bucket']}/a%20b/%C3%BC.txt"
    fresh, old = aws.presign("GET", path, at=now() - HOUR, expires_s=3700), aws.presign("GET", path, at=now() - HOUR)
    assert aws.send("GET", fresh).body == b"content"
    answer = aws.send("GET", old)
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert b"<Message>Request has expired</Message>" in answer.body


def test_a_url_from_the_future_is_denied(aws, bucket):
    assert aws.send("GET", aws.presign("GET", f"/{bucket}", at=now() + HOUR)).code == "AccessDenied"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a%20b", "a%20c"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=3601"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("X-Amz-SignedHeaders=", "versionId=null&X-Amz-SignedHeaders="),
        ("?", "?response-content-type=text%2Fhtml&"),
    ],
)
def test_a_url_with_anything_changed_does_not_match_its_signature(aws, s3, stored, old, new):
    url = s3.generate_presigned_url("get_object", stored)
    assert old in url
    answer = aws.send("GET", url.replace(old, new, 1))
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_a_url_for_reading_does_not_write(aws, s3, stored):
    answer = aws.send("PUT", s3.generate_presigned_url("get_object", stored), b"overwritten")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert s3.get_object(**stored)["Body"].read() == b"content"


def test_a_signed_content_type_must_be_the_one_that_is_sent(aws, s3, bucket):
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k", "ContentType": "audio/mpeg"})
    wrong = aws.send("PUT", url, b"x", {"Content-Type": "text/html"})
    assert (wrong.status, wrong.code) == (403, "SignatureDoesNotMatch")
    assert aws.send("PUT", url, b"x").code == "SignatureDoesNotMatch"
    assert aws.send("PUT", url, b"x", {"Content-Type": "audio/mpeg"}).status == 200
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "audio/mpeg"


def test_a_content_type_that_was_not_signed_is_free(aws, s3, bucket):
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"})
    body = b"a=b&c=\xff"
    assert aws.send("PUT", url, body, {"Content-Type": "application/x-www-form-urlencoded"}).status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


def test_an_amazon_header_that_the_url_does_not_sign_is_denied(aws, s3, bucket):
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"})
    assert aws.send("PUT", url, b"x", {"x-amz-acl": "public-read"}).code == "AccessDenied"


def test_a_presigned_put_checks_the_digest_that_comes_with_it(aws, s3, bucket):
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"})
    assert aws.send("PUT", url, b"x", {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}).code == "BadDigest"


def test_a_checksum_in_the_query_is_ignored_and_one_in_an_unsigned_header_is_denied(aws, s3, bucket):
    url = aws.presign("PUT", f"/{bucket}/k?x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32")
    assert aws.send("PUT", url, b"not empty").status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"not empty"
    assert aws.send("PUT", url, b"not empty", {"x-amz-checksum-crc32": "AAAAAA=="}).code == "AccessDenied"


def test_presigned_parts_make_an_object(aws, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = {"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 1}
    etag = aws.send("PUT", s3.generate_presigned_url("upload_part", part), b"part").headers["ETag"]
    s3.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
    )
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"part"


def test_signature_version_two_is_not_supported(aws, stored):
    url = aws.client("s3", signature_version="s3").generate_presigned_url("get_object", stored)
    assert "AWSAccessKeyId" in url
    answer = aws.send("GET", url)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-Amz-Expires=3600", "X-Amz-Expires=604801"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=-1"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=soon"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=MD5"),
        ("X-Amz-Date=", "X-Amz-Date=1"),
        ("%2Faws4_request", ""),
        ("X-Amz-SignedHeaders", "SignedHeaders"),
    ],
)
def test_a_url_whose_parameters_cannot_be_read_is_a_bad_request(aws, s3, stored, old, new):
    url = s3.generate_presigned_url("get_object", stored)
    assert old in url
    answer = aws.send("GET", url.replace(old, new, 1))
    assert (answer.status, answer.code) == (400, "AuthorizationQueryParametersError")


def test_a_url_signed_with_a_wrong_secret_or_an_unknown_key_is_refused(aws, stored):
    wrong = aws.client("s3", signature_version="s3v4", secret="wrong").generate_presigned_url("get_object", stored)
    unknown = aws.client("s3", signature_version="s3v4", key="AKIAUNKNOWN").generate_presigned_url("get_object", stored)
    assert (aws.send("GET", wrong).code, aws.send("GET", unknown).code) == (
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
    )


def test_a_url_made_with_a_session_needs_its_token(aws, stored):
    made = aws.client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="session")[
        "Credentials"
    ]
    client = aws.client(
        "s3",
        signature_version="s3v4",
        key=made["AccessKeyId"],
        secret=made["SecretAccessKey"],
        token=made["SessionToken"],
    )
    url = client.generate_presigned_url("get_object", stored)
    assert aws.send("GET", url).body == b"content"
    assert aws.send("GET", url.replace("X-Amz-Security-Token=", "X-Amz-Security-Token=A")).code == "InvalidToken"


def test_a_virtual_hosted_url_is_verified_with_its_host(aws, stored):
    client = aws.client("s3", signature_version="s3v4", s3={"addressing_style": "virtual"})
    url = client.generate_presigned_url("get_object", stored).replace("127.0.0.1", "localhost")
    host = f"{stored['Bucket']}.localhost:{aws.url.rsplit(':', 1)[1]}"
    path = aws.presign("GET", "/a%20b/%C3%BC.txt", headers={"Host": host})
    assert aws.send("GET", path, headers={"Host": host}).body == b"content"
    assert aws.send("GET", path, headers={"Host": "media-raw.localhost"}).code == "SignatureDoesNotMatch"
    assert url
