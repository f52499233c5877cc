"""POST /users: sign up, or create a user as a job."""

from aws_lambda_powertools.event_handler import Response, content_types

from accounts import passwords
from accounts.model import NewUser, UserView
from accounts.signing_up import sign_up
from accounts.user_creation import USER_CREATION, job_request
from sitewatch import jobs
from sitewatch.api import USERS_OR_ANONYMOUS, Api
from sitewatch.attempts import first_attempt
from sitewatch.callers import Caller
from sitewatch.errors import USERNAME_TAKEN
from sitewatch.idempotency import once
from sitewatch.jobs import AcceptedJob

app = Api(access=USERS_OR_ANONYMOUS, errors=[USERNAME_TAKEN])


@app.post(
    "/users",
    status_code=201,
    summary="Sign up, or create a user as a job",
    tags=["accounts"],
    responses={
        201: {"description": "Without a token: the new user", "content": {"application/json": {"model": UserView}}},
        202: {"description": "With a token: the job", "content": {"application/json": {"model": AcceptedJob}}},
    },
)
def create_user(new_user: NewUser) -> Response[UserView | AcceptedJob]:
    """Creates an account with the role ``user``.

    Without a token, creates it at once; a taken username (ignoring case) is a 409. With an access token,
    creates it as a job, which notifies the caller of the outcome (10099, "User Creation"; a taken
    username is error 400/4004).
    """
    caller = app.caller
    if caller is None:
        return _respond(201, sign_up(app, new_user))
    return _respond(202, AcceptedJob(**once(app, lambda: _enqueue(new_user, caller).model_dump())))


def _enqueue(new_user: NewUser, caller: Caller) -> AcceptedJob:
    request = job_request(new_user, passwords.hash_password(new_user.password))
    return jobs.enqueue(USER_CREATION, request, caller=caller, job_id=first_attempt(app).id)


def _respond(status: int, body: UserView | AcceptedJob) -> Response[UserView | AcceptedJob]:
    return Response(status_code=status, content_type=content_types.APPLICATION_JSON, body=body)


handler = app.resolve
