"""The jobs queue → the worker of each kind of job.

A queue has only one consumer, so this is the only module that imports several domains.
"""

from functools import partial
from typing import Any

from accounts.user_creation import USER_CREATION, create_user
from messages.delivery import deliver
from messages.model import NEW_MESSAGE
from sitewatch.job_worker import run_job, work_batch
from sitewatch.observability import count, logger, metrics

WORK = {USER_CREATION.name: create_user, NEW_MESSAGE.name: deliver}


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Do a batch of jobs. Return those that failed, which SQS delivers again."""
    answer = work_batch(event["Records"], partial(run_job, work=WORK))
    failed = len(answer["batchItemFailures"])
    count("JobsWorked", len(event["Records"]) - failed)
    count("JobsToRepeat", failed)
    logger.info("did jobs", jobs=len(event["Records"]) - failed, to_repeat=failed)
    return answer
