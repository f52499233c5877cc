"""POST /messages: send a message."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import SkipValidation

from messages.model import NEW_MESSAGE, NewMessage
from sitewatch import jobs
from sitewatch.api import Api
from sitewatch.attempts import first_attempt
from sitewatch.idempotency import once
from sitewatch.jobs import AcceptedJob

app = Api(accepts_list=True)  # the worker rejects it, like any other JSON that is not an object


@app.post("/messages", status_code=202, summary="Send a message", tags=["messages"])
def send_message(message: Annotated[SkipValidation[NewMessage], Body()]) -> AcceptedJob:
    """Accepts any JSON. A worker validates and delivers it; a notification (10095, "New Message") reports the outcome.

    If the message is invalid, the notification's ``message`` is ``{"code", "subcode", "error"}`` of the first
    failed check. The order is: not an object 4018, ``recipient_id`` 4006, ``sender_id`` 4005, ``content`` 4007,
    its ``type`` 4009, unknown recipient or sender 4041, a sender other than the caller (an admin may send as
    anyone) 4133; then, for an image, ``url`` 4011, ``width`` 4012, ``height`` 4013; for a video, ``url`` 4011,
    ``source`` 4014; for a text, ``text`` 4010 (1 to 4096 Unicode code points).
    The recipient is notified too (10096, "Message Received"). The message's id is the job's id.
    """
    request = app.current_event.json_body  # as sent: Powertools' validation would unpack a list
    caller = app.require_caller()
    return AcceptedJob(
        **once(
            app,
            lambda: jobs.enqueue(NEW_MESSAGE, request, caller=caller, job_id=first_attempt(app).id).model_dump(),
        )
    )


handler = app.resolve
