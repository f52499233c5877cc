"""Hand the index the batches that Lambda gave up on: `make replay`, once what it failed on is mended.

Each message of `StreamFailuresQueue` names a shard and the first and the last sequence number of a batch. While the
stream still has the records, they are read again and given to the function as they were, under their own sequence
numbers: what had been stored of them stays as it is. A message is deleted when the function has taken its whole
batch. Batches of the table's stream (of the counter and the publisher) are listed and left.
"""

import argparse
import base64
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.deployed import STACK_FILE, Deployed, add_arguments, find
from runner.errors import RunnerError, exit_code
from runner.local.deployment import aws_errors_as_runner_errors
from runner.operate.quarantine import HIDDEN_SECONDS, MOST_ENTRIES

MOST_EVENT_BYTES = 4_000_000
"""Of base64 in one event: Lambda takes 6 MB of JSON."""

Record = dict[str, Any]


def read_again(kinesis: Any, batch: Mapping[str, Any]) -> list[Record]:
    """The records of a batch, as Lambda hands them over.

    Raises RunnerError where the stream no longer has all of them.
    """
    stream, shard = batch["streamArn"], batch["shardId"]
    first, last = batch["startSequenceNumber"], batch["endSequenceNumber"]
    iterator = kinesis.get_shard_iterator(
        StreamARN=stream,
        ShardId=shard,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=first,
    )["ShardIterator"]
    found: list[Record] = []
    while iterator:
        answer = kinesis.get_records(StreamARN=stream, ShardIterator=iterator)
        found += [each for each in answer["Records"] if int(each["SequenceNumber"]) <= int(last)]
        behind = any(int(each["SequenceNumber"]) >= int(last) for each in answer["Records"])
        at_the_tip = not answer["Records"] and not answer.get("MillisBehindLatest")
        iterator = None if behind or at_the_tip else answer.get("NextShardIterator")
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


def events(records: Sequence[Record]) -> Iterator[list[Record]]:
    """The records in order, in parts that Lambda takes."""
    part: list[Record] = []
    size = 0
    for record in records:
        more = len(record["kinesis"]["data"])
        if part and size + more > MOST_EVENT_BYTES:
            yield part
            part, size = [], 0
        part.append(record)
        size += more
    if part:
        yield part


def invoke(function: Any, arn: str, records: Sequence[Record]) -> None:
    """Hand records to a function.

    Raises RunnerError where it fails on them.
    """
    for part in events(records):
        answer = function.invoke(FunctionName=arn, Payload=json.dumps({"Records": part}).encode())
        if "FunctionError" in answer:
            raise RunnerError(f"It still fails on them: {answer['Payload'].read().decode()[:300]}")


def replay(deployed: Deployed) -> int:
    """Replay every batch of the stream of detections; the exit code, 1 where one is left.

    Raises RunnerError where the function still fails.
    """
    queue = deployed.resource("StreamFailuresQueue", "AWS::SQS::Queue")
    sqs, kinesis, function = (deployed.client(name) for name in ("sqs", "kinesis", "lambda"))
    seen: set[str] = set()
    left = 0
    while messages := [each for each in _receive(sqs, queue) if each["MessageId"] not in seen]:
        for message in messages:
            seen.add(message["MessageId"])
            body = json.loads(message["Body"])
            if "KinesisBatchInfo" not in body:
                left += 1
                print(f"Left: {json.dumps(body)}")
                continue
            records = read_again(kinesis, body["KinesisBatchInfo"])
            invoke(function, body["requestContext"]["functionArn"], records)
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            print(f"{len(records)} records taken.", flush=True)
    print(f"{len(seen) - left} batches replayed, {left} left.")
    return 1 if left else 0


def _receive(sqs: Any, queue: str) -> list[dict[str, Any]]:
    answer = sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=MOST_ENTRIES, VisibilityTimeout=HIDDEN_SECONDS, WaitTimeSeconds=1
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def run(deployed: Deployed) -> int:
    """Replay, with what AWS refuses as the runner's error."""
    with aws_errors_as_runner_errors(f"Replaying the failed batches of {deployed.name}"):
        return replay(deployed)


def main(arguments: Sequence[str] | None = None, file: Path = STACK_FILE) -> int:
    """Read the command line and do it; 1 with a line on standard error where it fails."""
    parser = argparse.ArgumentParser(prog="make replay", description=(__doc__ or "").partition("\n\n")[2])
    add_arguments(parser)
    parsed = parser.parse_args(arguments)
    return exit_code(lambda: run(find(parsed.stack, parsed.region, file)))


if __name__ == "__main__":
    sys.exit(main())
