"""Paging: cursors, links and pages."""

from contextlib import suppress
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewatch import paging
from sitewatch.errors import ApiError


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_a_cursor_decodes_to_its_position(position: str) -> None:
    assert paging.decode_cursor(paging.encode_cursor(position)) == position


@given(TEXT)
def test_a_cursor_needs_no_url_encoding(position: str) -> None:
    cursor = paging.encode_cursor(position)
    assert dict(parse_qsl(f"start={cursor}", keep_blank_values=True)) == {"start": cursor}


@given(st.text())
def test_any_text_is_a_position_or_a_bad_request(text: str) -> None:
    with suppress(ApiError):
        decoded = paging.decode_cursor(text)
        assert isinstance(decoded, str)


@pytest.mark.parametrize("cursor", ["é", "a", "a b", "_w"])
def test_a_bad_cursor_is_rejected(cursor: str) -> None:
    with pytest.raises(ApiError) as caught:
        paging.decode_cursor(cursor)
    assert (caught.value.body()["subcode"], caught.value.body()["detail"][0]["field"]) == (4016, "start")


@given(
    st.dictionaries(st.sampled_from(["start", "limit", "make", "skip"]), TEXT.filter(bool) | st.integers() | st.none())
)
def test_a_link_carries_every_given_parameter(parameters: dict[str, object]) -> None:
    link = paging.next_link(parameters)

    assert link.startswith("<?")
    assert link.endswith('>; rel="next"')
    assert link.count(">") == 1
    query = link[len("<?") : link.index(">")]
    assert dict(parse_qsl(query)) == {name: str(value) for name, value in parameters.items() if value is not None}


def test_only_a_page_with_a_next_one_has_a_link() -> None:
    assert "Link" not in paging.paged([], None).headers
    assert paging.paged([], {"start": "a"}).headers["Link"] == '<?start=a>; rel="next"'
