"""GET /stats stays below Lambda's limit for responses, whatever cameras report."""

import json

import pytest

from detections import counts, get_stats
from detections.model import CountRecord
from tests.world.calling import Context, access_token, api_event, call

MAX_RESPONSE_BYTES = 6 * 1024 * 1024
"""AWS Lambda's quota for the response of a synchronous invocation."""
LONGEST = 64


def name(number: int, character: str) -> str:
    """A name of the most characters."""
    digits = f"{number:05}"
    return digits + character * (LONGEST - len(digits))


@pytest.mark.parametrize("character", ["💥", '"', "\\", "é"])
def test_the_largest_response_fits(monkeypatch: pytest.MonkeyPatch, character: str) -> None:
    """11,500 makes of 64 emoji made a response over 6 MB, and every request a 5xx from then on."""
    assert counts.MAX_TOTALS <= 5000
    monkeypatch.setattr(counts, "MAX_TOTALS", 20)
    for number in range(21):
        CountRecord("make", name(number, character), total=10**12 + number).save()
    response = get_stats.handler(api_event("GET", "/stats", token=access_token()), Context())
    assert len(json.loads(response["body"])) == 20
    assert len(json.dumps(response)) / 20 * 5000 < MAX_RESPONSE_BYTES


def test_every_key_is_on_one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MAX_TOTALS", 4)
    for number in range(9):
        CountRecord("category", name(number, "x"), total=number).save()  # a count of 0 is not shown
    pages, query = list[dict[str, int]](), {"by": "category"}
    while query:
        answer = call("GET", "/stats", query=query, token=access_token())
        pages.append(answer.json)
        query = answer.next_query or {}
    assert [list(page.values()) for page in pages] == [[1, 2, 3, 4], [5, 6, 7, 8]]
