"""GET /jobs/{job_id}: get a job's status."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from messages.model import FinishedJob, NotificationView, PendingJob
from sitewatch.api import Api
from sitewatch.errors import NOT_FOUND, ApiError
from sitewatch.jobs import JobRecord, JobState, NotificationRecord

app = Api(errors=[NOT_FOUND])


@app.get("/jobs/<job_id>", summary="Get a job", tags=["messages"])
def get_job(job_id: Annotated[str, Path(min_length=1, max_length=64)]) -> PendingJob | FinishedJob:
    """Returns one of the caller's jobs. Other callers' jobs, unknown jobs and jobs older than 90 days are a 404."""
    caller = app.require_caller()
    job = next(JobRecord.query(job_id, consistent_read=True), None)
    if job is None or job.owner != caller.subject:
        raise ApiError(NOT_FOUND)
    if job.state == JobState.PENDING.value:
        return PendingJob(job_id=job_id, status="pending")
    its_id = NotificationRecord.id == job.notification_id
    found = NotificationRecord.query(job.owner, its_id, consistent_read=True, limit=1)
    return FinishedJob(
        job_id=job_id,
        status="done" if job.state == JobState.DONE.value else "failed",
        notification=NotificationView.of(next(found)),
    )


handler = app.resolve
