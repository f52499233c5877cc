"""Random event patterns, and events that some of them match, for comparing implementations of the language."""

from typing import Any

from hypothesis import strategies as st

_texts = st.text(alphabet="abA*", min_size=1, max_size=4)
_numbers = st.integers(-3, 3) | st.sampled_from([0.5, 2.5])
_wildcards = _texts.filter(lambda text: "**" not in text)
_text_leaves = st.one_of(
    _texts,
    st.none(),
    *(st.fixed_dictionaries({name: _texts}) for name in ("prefix", "suffix", "equals-ignore-case")),
    st.fixed_dictionaries({"wildcard": _wildcards}),
    st.fixed_dictionaries({"anything-but": _texts | st.lists(_texts, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"exists": st.booleans()}),
)
_operators = st.sampled_from(["<", "<=", "=", ">=", ">"])
_range = (
    st.tuples(st.sampled_from([">", ">="]), _numbers, st.sampled_from(["<", "<="]), _numbers)
    .filter(lambda parts: parts[1] < parts[3])
    .map(list)
)
_number_leaves = st.one_of(
    _numbers,
    st.fixed_dictionaries({"numeric": st.tuples(_operators, _numbers).map(list)}),
    st.fixed_dictionaries({"numeric": _range}),
    st.fixed_dictionaries({"anything-but": _numbers | st.lists(_numbers, min_size=1, max_size=3)}),
)


def _fields(names: st.SearchStrategy[str], leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(names, st.lists(leaves, min_size=1, max_size=3), max_size=2)


def _simple(texts: list[str], numbers: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda first, second: first | second,
        _fields(st.sampled_from(texts), _text_leaves),
        _fields(st.sampled_from(numbers), _number_leaves),
    ).filter(bool)


# No field is both beside and within ``$or``: EventBridge would keep one of its two lists of values only.
PATTERNS = st.one_of(
    _simple(["make", "model", "tags"], ["year", "value"]),
    st.builds(
        lambda fields, either: fields | {"$or": either},
        _simple(["make", "tags"], ["year"]),
        st.lists(_simple(["model"], ["value"]), min_size=2, max_size=3),
    ),
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "make": _texts,
        "model": _texts | st.none(),
        "tags": st.lists(_texts, max_size=2),
        "year": _numbers,
        "value": _numbers,
    },
)
