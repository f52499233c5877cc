"""Jobs that their workers failed at every attempt → failed, with a notification, and on to the dead-letter queue.

There they stay for people to look at, and to send again (``make redrive QUEUE=jobs``).
"""

from typing import Any

from sitewatch import aws, job_worker, settings
from sitewatch.job_worker import work_batch
from sitewatch.jobs import Job
from sitewatch.observability import count, logger, metrics


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Give up a batch of jobs. What is no job fails here too, and the queue itself moves it on."""
    answer = work_batch(event["Records"], _give_up)
    given_up = len(event["Records"]) - len(answer["batchItemFailures"])
    count("JobsGivenUp", given_up)
    logger.error("gave up", jobs=given_up)
    return answer


def _give_up(job: Job) -> None:
    job_worker.give_up(job)
    aws.client("sqs").send_message(QueueUrl=settings.text("JOBS_DEAD_LETTER_QUEUE_URL"), MessageBody=job.to_json())
