"""What the pipelines rely on in moto: pinned here, so that a new version of moto cannot take it away unseen."""

from __future__ import annotations

import json
import uuid

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def queue(aws):
    """The URL and the ARN of a queue of the test's own."""
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=f"test-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def received(aws, url, wait_s=3):
    messages = aws.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=wait_s, MaxNumberOfMessages=10)
    return [message["Body"] for message in messages.get("Messages", [])]


def test_s3_tells_eventbridge_which_tells_a_queue(aws, s3, bucket, queue):
    events = aws.client("events")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": "in/"}]}},
    }
    events.put_rule(Name=bucket, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=bucket, Targets=[{"Id": "q", "Arn": queue[1]}])
    s3.put_object(Bucket=bucket, Key="out/x", Body=b"x")
    s3.put_object(Bucket=bucket, Key="in/a b+ü", Body=b"four")
    [body] = received(aws, queue[0])
    event = json.loads(body)
    assert (event["detail-type"], event["detail"]["object"]["key"]) == ("Object Created", "in/a b+ü")  # not URL-encoded
    assert event["detail"]["object"]["size"] == 4


def test_s3_tells_a_queue_with_encoded_keys(aws, s3, bucket, queue):
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": queue[1], "Events": ["s3:ObjectCreated:*"]}]},
    )
    s3.put_object(Bucket=bucket, Key="a b", Body=b"x")
    records = [record for body in received(aws, queue[0]) for record in json.loads(body).get("Records", [])]
    assert [record["s3"]["object"]["key"] for record in records] == ["a+b"]


def test_a_topic_tells_a_queue_with_an_envelope_unless_raw(aws, queue):
    sns = aws.client("sns")
    topic = sns.create_topic(Name=f"test-{uuid.uuid4().hex[:8]}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue[1])
    sns.publish(TopicArn=topic, Message="hello", Subject="s")
    [body] = received(aws, queue[0])
    assert (json.loads(body)["Message"], json.loads(body)["Subject"]) == ("hello", "s")


def test_a_message_that_is_not_deleted_comes_again_and_ends_among_the_dead(aws, queue):
    sqs = aws.client("sqs")
    policy = json.dumps({"deadLetterTargetArn": queue[1], "maxReceiveCount": 2})
    url = sqs.create_queue(
        QueueName=f"test-{uuid.uuid4().hex[:8]}", Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"}
    )["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m")
    assert [received(aws, url, 0) for _ in range(3)] == [["m"], ["m"], []]
    assert received(aws, queue[0]) == ["m"]


@pytest.fixture
def table(aws):
    dynamodb = aws.client("dynamodb")
    name = f"test-{uuid.uuid4().hex[:8]}"
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("id", "campaign", "run")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-campaign",
                "Projection": {"ProjectionType": "ALL"},
                "KeySchema": [
                    {"AttributeName": "campaign", "KeyType": "HASH"},
                    {"AttributeName": "run", "KeyType": "RANGE"},
                ],
            }
        ],
    )
    return name


def test_dynamodb_puts_under_a_condition(aws, table):
    dynamodb = aws.client("dynamodb")
    once = {"TableName": table, "Item": {"id": {"S": "1"}}, "ConditionExpression": "attribute_not_exists(id)"}
    dynamodb.put_item(**once)
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(**once)
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.update_item(
            TableName=table,
            Key={"id": {"S": "1"}},
            UpdateExpression="SET #s = :n",
            ConditionExpression="#s = :o",
            ExpressionAttributeNames={"#s": "state"},
            ExpressionAttributeValues={":n": {"S": "b"}, ":o": {"S": "a"}},
        )


def test_dynamodb_queries_an_index_by_range_page_after_page(aws, table):
    dynamodb = aws.client("dynamodb")
    for number in range(7):
        dynamodb.put_item(
            TableName=table,
            Item={
                "id": {"S": str(number)},
                "campaign": {"S": "jazz" if number else "folk"},
                "run": {"S": f"2026010{number}"},
            },
        )
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        IndexName="by-campaign",
        KeyConditionExpression="campaign = :c AND #r >= :r",
        ExpressionAttributeNames={"#r": "run"},
        ExpressionAttributeValues={":c": {"S": "jazz"}, ":r": {"S": "20260102"}},
        ScanIndexForward=False,
        PaginationConfig={"PageSize": 2},
    )
    assert [item["id"]["S"] for page in pages for item in page["Items"]] == ["6", "5", "4", "3", "2"]


def test_dynamodb_transacts_all_or_nothing(aws, table):
    dynamodb = aws.client("dynamodb")
    dynamodb.put_item(TableName=table, Item={"id": {"S": "there"}})
    puts = [
        {"Put": {"TableName": table, "Item": {"id": {"S": name}}, "ConditionExpression": "attribute_not_exists(id)"}}
        for name in ("new", "there")
    ]
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=puts)
    assert "Item" not in dynamodb.get_item(TableName=table, Key={"id": {"S": "new"}})


def test_ssm_overwrites_only_when_told(aws):
    ssm, name = aws.client("ssm"), f"/test/{uuid.uuid4().hex}"
    ssm.put_parameter(Name=name, Value="a", Type="String")
    with pytest.raises(ssm.exceptions.ParameterAlreadyExists):
        ssm.put_parameter(Name=name, Value="b", Type="String")
    assert ssm.put_parameter(Name=name, Value="b", Type="String", Overwrite=True)["Version"] == 2
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "b"
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=f"{name}/none")


def test_s3_keeps_metadata_tags_and_versions(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(
        Bucket=bucket, Key="k", Body=b"1", Tagging="a=b", Metadata={"m": "v"}, StorageClass="STANDARD_IA"
    )
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    assert first["VersionId"] != second["VersionId"]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first["VersionId"])["Body"].read() == b"1"
    assert s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=first["VersionId"])["TagSet"] == [
        {"Key": "a", "Value": "b"}
    ]
    head = s3.head_object(Bucket=bucket, Key="k", VersionId=first["VersionId"])
    assert (head["StorageClass"], head["Metadata"]) == ("STANDARD_IA", {"m": "v"})


def test_s3_copies_reads_ranges_and_deletes_many(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"0123456789", ContentType="audio/mpeg")
    s3.copy_object(Bucket=bucket, Key="b c", CopySource={"Bucket": bucket, "Key": "a"})
    assert s3.get_object(Bucket=bucket, Key="b c", Range="bytes=2-4")["Body"].read() == b"234"
    assert s3.head_object(Bucket=bucket, Key="b c")["ContentType"] == "audio/mpeg"
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b c"}]})
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_missing_key_and_a_missing_bucket_are_named(s3, bucket):
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="none")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.put_object(Bucket="test-none-such", Key="k", Body=b"x")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=bucket, Key="none")
