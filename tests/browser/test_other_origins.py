"""A page of another origin in the developer's browser: it must not reach the emulator."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from runner.stack import Stack
from tests.integration.client import Client
from tests.world.servers import answering, serving

# What such a page could do before there was a guard: every call with the emulator's usual credentials, which need no
# right signature, and with none.
ATTACK = """
async ([endpoint, scope]) => {
    const headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "secretsmanager.ListSecrets",
        "Authorization": `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
    };
    const attempts = [
        ["secrets", "/", {method: "POST", body: "{}", headers}],
        ["unsigned", "/", {method: "POST", body: "Action=ListUsers&Version=2010-05-08",
                           headers: {"Content-Type": "application/x-www-form-urlencoded"}}],
        ["messages", "/_ministack/sqs/messages", {}],
        ["reset", "/_ministack/reset", {method: "POST"}],
        ["blind reset", "/_ministack/reset", {method: "POST", mode: "no-cors"}],
        ["blind delete", "/?Action=DeleteStack&StackName=sitewatch", {method: "POST", mode: "no-cors"}],
    ];
    const read = {};
    for (const [name, path, options] of attempts) {
        try {
            const response = await fetch(endpoint + path, options);
            read[name] = await response.text();
        } catch (error) {
            read[name] = null;
        }
    }
    return read;
}
"""


@pytest.fixture
def foreign(browser: Browser) -> Iterator[Page]:
    """A page of another origin on this machine, as any local server could serve it."""
    with serving(answering(b"<!doctype html><title>page</title>", Content_Type="text/html")) as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto(server.url)
        yield page
        context.close()


def test_a_page_of_another_origin_reads_nothing_and_deletes_nothing(foreign: Page, stack: Stack, user: Client) -> None:
    scope = "test/20260101/us-east-1/secretsmanager/aws4_request"

    read = foreign.evaluate(ATTACK, [stack.endpoint_url, scope])

    assert read == {**dict.fromkeys(read), "blind reset": "", "blind delete": ""}  # an opaque response is empty
    assert user.get("/users/me").status_code == 200
    assert stack.describe() is not None
