"""The seed: what a fresh local AWS holds, and that seeding again touches nothing."""

from __future__ import annotations

import json

import pytest

from aws_emulator.seed import DEFAULT_SEED, Seeder, main, read_seed

VERSIONED = {f"media-{kind}" for kind in ("ingest", "raw", "delivery", "archive")}


@pytest.fixture(scope="module")
def fresh(another_aws):
    """A local AWS whose seed these tests may change."""
    with another_aws() as aws:
        yield aws


def test_the_buckets_are_there(aws):
    names = {bucket["Name"] for bucket in aws.s3().list_buckets()["Buckets"]}
    assert {f"media-{kind}" for kind in ("ingest", "raw", "processed", "delivery", "archive", "reports")} <= names
    versioned = {name for name in names if aws.s3().get_bucket_versioning(Bucket=name).get("Status") == "Enabled"}
    assert {name for name in versioned if name.startswith("media-")} == VERSIONED


def test_the_tables_have_their_keys_and_indices(aws):
    dynamodb = aws.client("dynamodb")
    assets = dynamodb.describe_table(TableName="media-assets")["Table"]
    assert assets["KeySchema"] == [{"AttributeName": "asset_id", "KeyType": "HASH"}]
    assert assets["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    indices = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in assets["GlobalSecondaryIndexes"]
    }
    assert indices == {"by-campaign": ["campaign", "run"], "by-state": ["state", "run"]}
    assert {index["Projection"]["ProjectionType"] for index in assets["GlobalSecondaryIndexes"]} == {"ALL"}
    jobs = dynamodb.describe_table(TableName="media-jobs")["Table"]
    assert jobs["KeySchema"] == [{"AttributeName": "job_key", "KeyType": "HASH"}]


def test_the_parameters_have_their_values(aws):
    found = aws.client("ssm").get_parameters_by_path(Path="/media", Recursive=True)["Parameters"]
    assert {item["Name"]: (item["Type"], item["Value"]) for item in found} == {
        "/media/campaigns": ("StringList", "jazz,ambient,electronic,folk,nature-sounds,street-sounds"),
        "/media/active-campaign": ("String", "jazz"),
        "/media/batch-size/audio": ("String", "5"),
        "/media/batch-size/video": ("String", "2"),
    }


@pytest.mark.parametrize("name", ["media-uploads", "media-footage"])
def test_a_queue_gives_up_after_five_receives(aws, name):
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    policy = json.loads(
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    )
    assert int(policy["maxReceiveCount"]) == 5
    assert policy["deadLetterTargetArn"].endswith(f":{name}-dlq")


def test_an_alert_reaches_the_inbox_without_an_envelope(fresh):
    sns, sqs = fresh.client("sns"), fresh.client("sqs")
    topic = next(item["TopicArn"] for item in sns.list_topics()["Topics"] if item["TopicArn"].endswith(":media-alerts"))
    sns.publish(TopicArn=topic, Subject="curate_audio failed", Message='{"dag": "curate_audio"}')
    url = sqs.get_queue_url(QueueName="media-alerts-inbox")["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert [message["Body"] for message in messages] == ['{"dag": "curate_audio"}']


@pytest.mark.parametrize(
    ("key", "queue"), [("uploads/u1/my file+ü.mp4", "media-uploads"), ("footage/cam/20260101/a.mp4", "media-footage")]
)
def test_an_upload_is_announced_to_its_queue_alone(fresh, key, queue):
    fresh.s3().put_object(Bucket="media-ingest", Key=key, Body=b"x")
    sqs = fresh.client("sqs")
    bodies = {}
    for name in ("media-uploads", "media-footage"):
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2 if name == queue else 0).get("Messages", [])
        bodies[name] = [json.loads(message["Body"]) for message in messages]
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    event = bodies.pop(queue)[0]
    assert (event["source"], event["detail-type"]) == ("aws.s3", "Object Created")
    assert (event["detail"]["bucket"]["name"], event["detail"]["object"]["key"]) == ("media-ingest", key)
    assert list(bodies.values()) == [[]]


def test_seeding_again_changes_nothing_that_a_user_set(fresh, capsys):
    ssm, s3, sqs, sns = (fresh.client(name) for name in ("ssm", "s3", "sqs", "sns"))
    ssm.put_parameter(Name="/media/active-campaign", Value="folk", Overwrite=True)
    ssm.put_parameter(Name="/media/campaigns", Value="folk,my-own", Overwrite=True)
    s3.put_bucket_versioning(Bucket="media-archive", VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket="media-raw", Key="mine", Body=b"kept")
    url = sqs.get_queue_url(QueueName="media-uploads")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "77"})
    topic = next(item["TopicArn"] for item in sns.list_topics()["Topics"] if item["TopicArn"].endswith(":media-alerts"))
    fresh.client("dynamodb").put_item(TableName="media-assets", Item={"asset_id": {"S": "a"}})

    for _ in range(2):
        assert main(["--endpoint-url", fresh.url]) == 0
        assert capsys.readouterr().out == "everything was there\n"

    assert ssm.get_parameter(Name="/media/active-campaign")["Parameter"]["Value"] == "folk"
    assert ssm.get_parameter(Name="/media/campaigns")["Parameter"]["Value"] == "folk,my-own"
    assert s3.get_bucket_versioning(Bucket="media-archive")["Status"] == "Suspended"
    assert s3.get_object(Bucket="media-raw", Key="mine")["Body"].read() == b"kept"
    assert (
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"]
        == "77"
    )
    assert len(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 1
    assert "Item" in fresh.client("dynamodb").get_item(TableName="media-assets", Key={"asset_id": {"S": "a"}})


def test_seeding_again_restores_only_what_is_missing(fresh):
    fresh.client("ssm").delete_parameter(Name="/media/batch-size/video")
    seeder = Seeder(fresh.url, "test", "test", "us-east-1")
    assert seeder.plant(read_seed(DEFAULT_SEED)) == ["/media/batch-size/video"]
    assert seeder.plant(read_seed(DEFAULT_SEED)) == []


def test_two_key_pairs_are_made_of_which_one_signs_and_the_other_is_next(fresh, another_aws):
    cloudfront, secrets = fresh.client("cloudfront"), fresh.client("secretsmanager")
    [group] = cloudfront.list_key_groups()["KeyGroupList"]["Items"]
    pairs = [
        json.loads(
            secrets.get_secret_value(SecretId="media/cloudfront-signing-key", VersionStage=stage)["SecretString"]
        )
        for stage in ("AWSCURRENT", "AWSPENDING")
    ]
    assert group["KeyGroup"]["KeyGroupConfig"]["Items"] == [pair["key_pair_id"] for pair in pairs]
    assert all(pair["private_key"].startswith("-----BEGIN PRIVATE KEY-----\n") for pair in pairs)
    [distribution] = cloudfront.list_distributions()["DistributionList"]["Items"]
    assert distribution["Origins"]["Items"][0]["DomainName"] == "media-processed.s3.us-east-1.amazonaws.com"
    assert distribution["DefaultCacheBehavior"]["TrustedKeyGroups"]["Items"] == [group["KeyGroup"]["Id"]]
    with another_aws() as other:
        secret = other.client("secretsmanager").get_secret_value(SecretId="media/cloudfront-signing-key")
        assert json.loads(secret["SecretString"])["private_key"] != pairs[0]["private_key"]


def test_a_lost_signing_secret_is_made_anew_with_keys_that_the_group_trusts(fresh):
    fresh.client("secretsmanager").delete_secret(
        SecretId="media/cloudfront-signing-key", ForceDeleteWithoutRecovery=True
    )
    seeder = Seeder(fresh.url, "test", "test", "us-east-1")
    assert seeder.plant(read_seed(DEFAULT_SEED)) == ["media-delivery"]
    secret = fresh.client("secretsmanager").get_secret_value(SecretId="media/cloudfront-signing-key")["SecretString"]
    [group] = fresh.client("cloudfront").list_key_groups()["KeyGroupList"]["Items"]
    assert json.loads(secret)["key_pair_id"] in group["KeyGroup"]["KeyGroupConfig"]["Items"]
    assert seeder.plant(read_seed(DEFAULT_SEED)) == []


def test_another_prefix_names_another_set(fresh, capsys):
    assert main(["--endpoint-url", fresh.url, "--prefix", "film"]) == 0
    names = {bucket["Name"] for bucket in fresh.s3().list_buckets()["Buckets"]}
    assert {"film-ingest", "media-ingest"} <= names
    assert fresh.client("ssm").get_parameter(Name="/film/active-campaign")["Parameter"]["Value"] == "jazz"


def test_a_local_aws_that_does_not_run_is_one_clear_line(capsys):
    assert main(["--endpoint-url", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err.startswith("could not seed http://127.0.0.1:9 ")
