"""Header signatures are verified for every service, and each words its refusal in its own protocol."""

from __future__ import annotations

import datetime
import json

import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def refusal(call, **request) -> tuple[str, int]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("key", ["plain", "a b", "ü/ñ", "100%+~(1)!*'.txt", "a//b", "q?x=1&y", "dots/../up"])
def test_keys_of_every_spelling_are_signed_stored_and_found(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"x", Metadata={"under_score": "a  b", "dash-ed": "c"})
    assert s3.get_object(Bucket=bucket, Key=key)["Metadata"] == {"under_score": "a  b", "dash-ed": "c"}
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=key[:3])["Contents"]] == [key]


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
        ("sns", "list_topics", "SignatureDoesNotMatch"),
        ("dynamodb", "list_tables", "InvalidSignatureException"),
        ("cloudwatch", "list_metrics", "InvalidSignatureException"),
    ],
)
def test_a_wrong_secret_is_refused_as_the_service_words_it(aws, service, operation, code):
    getattr(aws.client(service), operation)()
    client = aws.client(service, secret="wrong")
    assert refusal(getattr(client, operation))[0] == code


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("sns", "list_topics", "InvalidClientTokenId"),
        ("ssm", "describe_parameters", "UnrecognizedClientException"),
    ],
)
def test_an_unknown_access_key_is_refused_as_the_service_words_it(aws, service, operation, code):
    assert refusal(getattr(aws.client(service, key="AKIAUNKNOWN"), operation))[0] == code


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_off_by_more_than_a_quarter_of_an_hour_is_too_skewed(aws, bucket, minutes):
    headers = aws.sign("GET", f"/{bucket}", at=now() + datetime.timedelta(minutes=minutes))
    answer = aws.send("GET", f"/{bucket}", headers=headers)
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")
    assert b"<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>" in answer.body


@pytest.mark.parametrize("minutes", [-14, 0, 14])
def test_a_clock_off_by_less_is_accepted(aws, bucket, minutes):
    headers = aws.sign("GET", f"/{bucket}", at=now() + datetime.timedelta(minutes=minutes))
    assert aws.send("GET", f"/{bucket}", headers=headers).status == 200


def test_the_clock_counts_for_the_other_services_too(aws):
    body = b"{}"
    target = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
    late = aws.sign("POST", "/", body, target, service="dynamodb", at=now() - datetime.timedelta(hours=1))
    answer = aws.send("POST", "/", body, late)
    assert (answer.status, json.loads(answer.body)["__type"]) == (403, "InvalidSignatureException")
    assert aws.send("POST", "/", body, aws.sign("POST", "/", body, target, service="dynamodb")).status == 200


def test_a_header_that_changed_on_its_way_breaks_the_signature(aws, bucket):
    headers = aws.sign("PUT", f"/{bucket}/k", b"x", {"x-amz-meta-owner": "ann"})
    answer = aws.send("PUT", f"/{bucket}/k", b"x", headers | {"x-amz-meta-owner": "eve"})
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_an_amazon_header_that_was_not_signed_is_denied(aws, bucket):
    headers = aws.sign("PUT", f"/{bucket}/k", b"x") | {"x-amz-acl": "public-read"}
    answer = aws.send("PUT", f"/{bucket}/k", b"x", headers)
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert b"<HeadersNotSigned>x-amz-acl</HeadersNotSigned>" in answer.body


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3", "AuthorizationHeaderMalformed"),
        ("AWS test:c2lnbmF0dXJl", "InvalidRequest"),
        ("Basic dGVzdDp0ZXN0", "InvalidRequest"),
    ],
)
def test_an_authorization_of_another_kind_is_a_bad_request(aws, bucket, header, code):
    answer = aws.send(
        "GET", f"/{bucket}", headers={"Authorization": header, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    )
    assert (answer.status, answer.code) == (400, code)


def test_a_request_may_be_signed_in_one_way_only(aws, bucket):
    url = aws.presign("GET", f"/{bucket}")
    query = url.partition("?")[2]
    answer = aws.send("GET", url, headers=aws.sign("GET", f"/{bucket}?{query}"))
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_a_signature_without_a_date_is_denied(aws, bucket):
    headers = aws.sign("GET", f"/{bucket}")
    del headers["X-Amz-Date"]
    assert aws.send("GET", f"/{bucket}", headers=headers).code == "AccessDenied"


def test_an_unsigned_write_is_denied_and_an_unsigned_read_needs_an_open_object(aws, s3, bucket):
    s3.put_object(Bucket=bucket, Key="open", Body=b"x", ACL="public-read")
    s3.put_object(Bucket=bucket, Key="shut", Body=b"x")
    assert aws.send("GET", f"/{bucket}/open").status == 200
    for method, path in (
        ("GET", "shut"),
        ("GET", "none"),
        ("PUT", "open"),
        ("DELETE", "open"),
        ("GET", ""),
        ("GET", "../"),
    ):
        assert aws.send(method, f"/{bucket}/{path}").code == "AccessDenied", (method, path)


def test_a_bucket_policy_can_open_a_prefix_to_everybody(aws, s3, bucket):
    s3.put_object(Bucket=bucket, Key="pub/a", Body=b"x")
    s3.put_object(Bucket=bucket, Key="b", Body=b"x")
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/pub/*",
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert aws.send("GET", f"/{bucket}/pub/a").status == 200
    assert aws.send("GET", f"/{bucket}/b").code == "AccessDenied"


def test_an_unsigned_call_of_another_service_misses_its_token(aws):
    client = aws.client("dynamodb", signature_version=UNSIGNED)
    assert refusal(client.list_tables)[0] == "MissingAuthenticationTokenException"


def test_keys_made_through_iam_are_known_until_they_are_deactivated(aws):
    iam = aws.client("iam")
    iam.create_user(UserName="uploader")
    made = iam.create_access_key(UserName="uploader")["AccessKey"]
    client = aws.client("sqs", key=made["AccessKeyId"], secret=made["SecretAccessKey"])
    client.list_queues()
    iam.update_access_key(UserName="uploader", AccessKeyId=made["AccessKeyId"], Status="Inactive")
    assert refusal(client.list_queues)[0] in ("UnrecognizedClientException", "InvalidClientTokenId")


def test_credentials_of_an_assumed_role_need_their_session_token(aws):
    made = aws.client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="session")[
        "Credentials"
    ]
    pair = {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]}
    assert aws.client("s3", **pair, token=made["SessionToken"]).list_buckets()["Buckets"]
    assert refusal(aws.client("s3", **pair, token="another").list_buckets) == ("InvalidToken", 400)
    assert refusal(aws.client("s3", **pair).list_buckets) == ("InvalidToken", 400)


def test_virtual_hosts_and_paths_mean_the_same_object(aws, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"here")
    port = aws.url.rsplit(":", 1)[1]
    for host in (f"{bucket}.localhost:{port}", f"{bucket}.s3.localhost:{port}", f"{bucket}.s3.us-east-1.amazonaws.com"):
        headers = aws.sign("GET", "/a/b", headers={"Host": host})
        assert aws.send("GET", "/a/b", headers=headers).body == b"here", host
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", "s3.us-east-1.amazonaws.com", "aws:4566"):
        headers = aws.sign("GET", f"/{bucket}/a/b", headers={"Host": host})
        assert aws.send("GET", f"/{bucket}/a/b", headers=headers).body == b"here", host


def test_a_signature_for_one_host_is_none_for_another(aws, bucket):
    headers = aws.sign("GET", "/", headers={"Host": f"{bucket}.localhost"})
    assert aws.send("GET", "/", headers=headers | {"Host": "media-raw.localhost"}).code == "SignatureDoesNotMatch"


def test_a_refused_upload_of_many_bytes_is_answered_and_not_reset(aws, bucket):
    headers = aws.sign("PUT", f"/{bucket}/k", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, secret="wrong")
    answer = aws.send("PUT", f"/{bucket}/k", bytes(30_000_000), headers)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_the_answer_to_a_refused_head_has_no_body(aws, bucket):
    answer = aws.send("HEAD", f"/{bucket}/k", headers=aws.sign("HEAD", f"/{bucket}/k", secret="wrong"))
    assert (answer.status, answer.body) == (403, b"")
