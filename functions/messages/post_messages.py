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

app = Api()


@app.post("/messages", status_code=202, summary="Send a message", tags=["messages"])
def send_message(message: Annotated[SkipValidation[NewMessage], Body()]) -> AcceptedJob:
    """Takes any JSON. A worker checks and delivers it, and a notification (10095, "New Message") tells what came of it.

    Where something is wrong with it, the notification's ``message`` is ``{"code", "subcode", "error"}``
    of the first that is: no object 4018, ``recipient_id`` 4006, ``sender_id`` 4005, ``content`` 4007,
    its ``type`` 4009, no such recipient or sender 4041, a sender who is not the caller (an admin may
    send as anybody) 4133; then, of an image, ``url`` 4011, ``width`` 4012, ``height`` 4013; of a video,
    ``url`` 4011, ``source`` 4014; of a text, ``text`` 4010 (1 to 4096 Unicode code points).
    The recipient is notified too (10096, "Message Received"). The message has the job's id.
    """
    request = app.current_event.json_body  # as it came: Powertools would unpack a list
    caller = app.require_caller()
    return AcceptedJob(
        **once(
            app,
            lambda: jobs.enqueue(NEW_MESSAGE, request, caller=caller, job_id=first_attempt(app).id).model_dump(),
        )
    )


handler = app.resolve
