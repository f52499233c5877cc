"""The base of every Pydantic model.

Errors may be logged, so they never repeat the input: it may be a password, or what somebody has written.
"""

from typing import TypeVar

import pydantic

Root = TypeVar("Root")

_CONFIG = pydantic.ConfigDict(hide_input_in_errors=True)


class BaseModel(pydantic.BaseModel):
    """A Pydantic model whose errors hide their input."""

    model_config = _CONFIG


class RootModel(pydantic.RootModel[Root]):
    """A Pydantic root model whose errors hide their input."""

    model_config = _CONFIG
