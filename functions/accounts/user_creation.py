"""Create users as jobs: the job that ``POST /users`` enqueues for an access token, and its worker.

The job holds the password's hash, never the password: a queue keeps messages for days.
"""

from typing import Any

from pynamodb.transactions import TransactWrite

from accounts.model import Profile
from accounts.registration import new_record, register
from sitewatch import clock
from sitewatch.callers import Origin, Role
from sitewatch.errors import USERNAME_TAKEN_IN_JOB
from sitewatch.job_worker import Outcome
from sitewatch.jobs import Job, Kind

USER_CREATION = Kind("user_creation", "User Creation", 10099)


def job_request(profile: Profile, password_hash: str) -> dict[str, Any]:
    """Return the job's request: ``{"profile": {...}, "password_hash": "..."}``."""
    return {"profile": profile.model_dump(include=set(Profile.model_fields)), "password_hash": password_hash}


def create_user(job: Job) -> Outcome:
    """Return the outcome of ``job``, which writes the new user. The user's id is the job's id."""
    profile = Profile.model_validate(job.request["profile"])
    user = new_record(profile, job.request["password_hash"], user_id=job.id, role=Role.USER)

    def write(transaction: TransactWrite) -> None:
        register(user, Origin(job.owner), transaction)

    message = {"id": user.id, "timestamp": clock.format_time(user.created_at), "username": user.username}
    return Outcome(message, write, conflict=USERNAME_TAKEN_IN_JOB)
