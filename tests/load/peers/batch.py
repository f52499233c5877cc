"""The stream with Powertools' BatchProcessor: one put and one publish for each record. It counts nothing."""

import os
from typing import Annotated, Any

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord
from pydantic import AwareDatetime, BaseModel, Field

processor = BatchProcessor(event_type=EventType.KinesisDataStreams)
TABLE = boto3.resource("dynamodb").Table(os.environ["DETECTIONS_TABLE"])
SNS = boto3.client("sns")


class Report(BaseModel):
    id: str
    year: Annotated[int, Field(ge=1886, le=2200)]
    make: str
    model: str
    category: str
    created_at: AwareDatetime


def index(record: KinesisStreamRecord) -> None:
    report = Report.model_validate_json(record.kinesis.data_as_text())
    at = f"{report.created_at:%Y-%m-%dT%H:%M:%S.%fZ}"
    item = {
        **report.model_dump(),
        "created_at": at,
        "position": f"{at}#{report.id}",
        "time_partition": "0#",
        "make_partition": f"0#{report.make.lower()}",
        "category_partition": f"0#{report.category.lower()}",
    }
    TABLE.put_item(Item=item)
    SNS.publish(
        TopicArn=os.environ["ALERTS_TOPIC_ARN"],
        Message=report.model_dump_json(),
        MessageAttributes={"category": {"DataType": "String", "StringValue": report.category}},
    )


def handler(event: dict[str, Any], context: Any) -> Any:
    return process_partial_response(event, index, processor, context)
