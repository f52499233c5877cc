"""Create a user as a job: what ``POST /users`` with an access token asks for, and what the worker does for it.

The job holds the password's hash, never the password: queues keep what they are given for days.
"""

from typing import Any

from pynamodb.transactions import TransactWrite

from accounts.model import Profile
from accounts.registration import register, user_of
from sitewatch import clock
from sitewatch.callers import Role
from sitewatch.errors import USERNAME_TAKEN_IN_JOB
from sitewatch.job_worker import Outcome
from sitewatch.jobs import Job, Kind

USER_CREATION = Kind("user_creation", "User Creation", 10099)


def request_of(profile: Profile, password_hash: str) -> dict[str, Any]:
    """What is to be done, as the job holds it."""
    return {"profile": profile.model_dump(include=set(Profile.model_fields)), "password_hash": password_hash}


def create_user(job: Job) -> Outcome:
    """Say what to write of the user that ``job`` asks for. The user has the job's id."""
    profile = Profile.model_validate(job.request["profile"])
    user = user_of(profile, job.request["password_hash"], user_id=job.id, role=Role.USER)

    def write(transaction: TransactWrite) -> None:
        register(user, transaction)

    said = {"id": user.id, "timestamp": clock.format_time(user.created_at), "username": user.username}
    return Outcome(said, write, conflict=USERNAME_TAKEN_IN_JOB)
