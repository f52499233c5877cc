"""Read the messages of an SQS queue. To read a message is to receive it, which hides it from other readers."""

from collections.abc import Iterator
from typing import Any, Self

MAX_MESSAGES = 10
"""Of one call of SQS."""
HIDDEN_SECONDS = 120
WAIT_SECONDS = 1
"""More than 0: only then does SQS ask all of its servers, so that an empty response means an empty queue."""

Message = dict[str, Any]


class Queue:
    """A queue. At the end of a `with` block, received messages that were not deleted become visible again."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs, self._url = sqs, url
        self._receipts: dict[str, str] = {}
        """The receipt of each message that this process hides from other readers, by the message's id."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def messages(self) -> Iterator[Message]:
        """Receive every message once, even if one arrives again after `HIDDEN_SECONDS`."""
        seen: set[str] = set()
        while True:
            received = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MAX_MESSAGES,
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS,
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            self._receipts |= {message["MessageId"]: message["ReceiptHandle"] for message in received}
            new = [message for message in received if message["MessageId"] not in seen]
            if not new:
                return
            seen |= {message["MessageId"] for message in new}
            yield from new

    def delete(self, message_id: str) -> None:
        """Delete a received message."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=self._receipts.pop(message_id))

    def release(self) -> None:
        """Make received messages visible again."""
        receipts = list(self._receipts.values())
        for first in range(0, len(receipts), MAX_MESSAGES):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(receipts[first : first + MAX_MESSAGES])
            ]
            # A message that SQS refuses here is visible already.
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        self._receipts.clear()
