"""Index the batches that Lambda gave up on: `make replay`, once the cause of the failure is fixed.

Each message in `StreamFailuresQueue` names a shard and the first and last sequence number of a batch. As long as the
stream has the records, they are read again and passed to the function with their own sequence numbers, so that
detections that were stored stay as they are. A message is deleted after the function has accepted its whole batch.
Batches of the table's stream (for the counter and the publisher) are listed and left.
"""

import argparse
import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runner import arguments
from runner.errors import RunnerError
from runner.operate.queues import Queue
from runner.stack import Stack, aws_errors, find
from sitewatch.delivery import chunks

MAX_RECORDS = 10_000
"""The largest batch of a stream."""
MAX_EVENT_BYTES = 4_000_000
"""Of base64 in one event: Lambda accepts 6 MB of JSON."""

Record = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_stack(parser)


def run(parsed: argparse.Namespace) -> int:
    """Replay every batch of the stream of detections; the exit code is 1 if one is left."""
    stack = find(parsed)
    with aws_errors(f"Replaying the failed batches of {stack.stack_name}"):
        return replay(stack)


def read_again(kinesis: Any, batch: Mapping[str, Any]) -> list[Record]:
    """The records of a batch in the form of a Lambda event.

    Raises RunnerError if the stream no longer has all of them.
    """
    stream, shard = batch["streamArn"], batch["shardId"]
    first, last = batch["startSequenceNumber"], batch["endSequenceNumber"]
    iterator = kinesis.get_shard_iterator(
        StreamARN=stream,
        ShardId=shard,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=first,
    )["ShardIterator"]
    found: list[Mapping[str, Any]] = []
    while iterator:
        answer = kinesis.get_records(StreamARN=stream, ShardIterator=iterator)
        found += [each for each in answer["Records"] if int(each["SequenceNumber"]) <= int(last)]
        is_complete = any(int(each["SequenceNumber"]) >= int(last) for each in answer["Records"])
        at_the_tip = not answer["Records"] and not answer.get("MillisBehindLatest")
        iterator = None if is_complete or at_the_tip else answer.get("NextShardIterator")
    if [each["SequenceNumber"] for each in found[:1] + found[-1:]] != [first, last]:
        raise RunnerError(f"The stream no longer has all of {shard} from {first} to {last}.")
    return [_record(shard, each) for each in found]


def _record(shard: str, read: Mapping[str, Any]) -> Record:
    return {
        "eventID": f"{shard}:{read['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "eventSource": "aws:kinesis",
        "kinesis": {
            "sequenceNumber": read["SequenceNumber"],
            "partitionKey": read["PartitionKey"],
            "approximateArrivalTimestamp": read["ApproximateArrivalTimestamp"].timestamp(),
            "data": base64.b64encode(read["Data"]).decode(),
        },
    }


def events(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Split records, in order, into parts that fit into one Lambda event."""
    return chunks(
        records,
        max_entries=MAX_RECORDS,
        size=lambda record: len(record["kinesis"]["data"]),
        max_bytes=MAX_EVENT_BYTES,
    )


def invoke(function: Any, arn: str, records: Iterable[Record]) -> None:
    """Call a function with records."""
    for part in events(records):
        answer = function.invoke(FunctionName=arn, Payload=json.dumps({"Records": part}).encode())
        if "FunctionError" in answer:
            raise RunnerError(f"It still fails on them: {answer['Payload'].read().decode()[:300]}")


def replay(stack: Stack) -> int:
    """Replay every batch of the stream of detections; returns 1 if a batch is left."""
    kinesis, function = stack.client("kinesis"), stack.client("lambda")
    replayed = left = 0
    with Queue(stack.client("sqs"), stack.resource("StreamFailuresQueue", "AWS::SQS::Queue")) as queue:
        for message in queue.messages():
            body = json.loads(message["Body"])
            if "KinesisBatchInfo" not in body:
                left += 1
                print(f"Left: {json.dumps(body)}")
                continue
            records = read_again(kinesis, body["KinesisBatchInfo"])
            invoke(function, body["requestContext"]["functionArn"], records)
            queue.delete(message["MessageId"])
            replayed += 1
            print(f"{len(records)} records taken.", flush=True)
    print(f"{replayed} batches replayed, {left} left.")
    return 1 if left else 0
