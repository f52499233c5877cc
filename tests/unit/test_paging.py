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
    """No table is needed here."""


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_a_position_comes_back_from_its_cursor(position: str) -> None:
    assert paging.decode_cursor(paging.encode_cursor(position)) == position


@given(TEXT)
def test_a_cursor_needs_no_escape_in_a_url(position: str) -> None:
    cursor = paging.encode_cursor(position)
    assert dict(parse_qsl(f"start={cursor}", keep_blank_values=True)) == {"start": cursor}


@given(st.text())
def test_whatever_text_comes_it_is_a_position_or_a_bad_request(text: str) -> None:
    with suppress(ApiError):
        decoded = paging.decode_cursor(text)
        assert isinstance(decoded, str)


@pytest.mark.parametrize("cursor", ["é", "a", "a b", "_w"])
def test_a_bad_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ApiError) as caught:
        paging.decode_cursor(cursor)
    assert (caught.value.body()["subcode"], caught.value.body()["detail"][0]["field"]) == (4016, "start")


@given(
    st.dictionaries(st.sampled_from(["start", "limit", "make", "skip"]), TEXT.filter(bool) | st.integers() | st.none())
)
def test_a_link_carries_every_parameter_that_is_given(parameters: dict[str, object]) -> None:
    link = paging.next_link(parameters)

    assert link.startswith("<?")
    assert link.endswith('>; rel="next"')
    assert link.count(">") == 1
    query = link[len("<?") : link.index(">")]
    assert dict(parse_qsl(query)) == {name: str(value) for name, value in parameters.items() if value is not None}


@given(st.lists(st.integers()), st.integers(1, 10))
def test_a_page_has_at_most_its_limit_and_knows_whether_there_is_more(found: list[int], limit: int) -> None:
    items, more = paging.page_of(iter(found), limit)
    assert items == found[:limit]
    assert more == (len(found) > limit)


def test_only_a_page_with_more_behind_it_links_to_the_next() -> None:
    assert "Link" not in paging.paged([], None).headers
    assert paging.paged([], {"start": "a"}).headers["Link"] == '<?start=a>; rel="next"'
