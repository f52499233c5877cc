"""The jobs queue → what each job asks for.

One queue has one consumer, so that this module, alone of all, imports several domains: it names
what does each kind of job.
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
    """Do a batch of jobs; those that fail come again by themselves."""
    answer = work_batch(event["Records"], partial(run_job, work=WORK))
    failed = len(answer["batchItemFailures"])
    count("JobsWorked", len(event["Records"]) - failed)
    count("JobsToRepeat", failed)
    logger.info("worked", jobs=len(event["Records"]) - failed, to_repeat=failed)
    return answer
