"""Jobs whose worker failed at every attempt → mark them failed, notify their owners, and send them to the DLQ.

They stay in the dead-letter queue until an operator inspects and redrives them (``make redrive QUEUE=jobs``).
"""

from typing import Any

from sitewatch import aws, job_worker, settings
from sitewatch.job_worker import work_batch
from sitewatch.jobs import Job
from sitewatch.observability import count, logger, metrics


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Give up on a batch of jobs. Records that are not jobs fail here too, and the queue moves them to the DLQ."""
    answer = work_batch(event["Records"], _give_up)
    given_up = len(event["Records"]) - len(answer["batchItemFailures"])
    count("JobsGivenUp", given_up)
    logger.error("gave up on jobs", jobs=given_up)
    return answer


def _give_up(job: Job) -> None:
    job_worker.give_up(job)
    aws.client("sqs").send_message(QueueUrl=settings.text("JOBS_DEAD_LETTER_QUEUE_URL"), MessageBody=job.to_json())
