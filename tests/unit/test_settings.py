"""Settings that functions receive from the template."""

import pytest

from sitewatch import settings


@pytest.fixture(autouse=True)
def world() -> None:
    """These tests need no tables."""


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_TABLE", raising=False)
    with pytest.raises(settings.MissingSetting, match="NO_SUCH_TABLE"):
        settings.text("NO_SUCH_TABLE")


def test_settings_are_text_integers_or_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE", "12")
    assert settings.text("EXAMPLE") == "12"
    assert settings.integer("EXAMPLE") == 12

    monkeypatch.setenv("EXAMPLE", " SUV, Van ,,")
    assert settings.names("EXAMPLE") == ["SUV", "Van"]

    monkeypatch.setenv("EXAMPLE", "")
    assert settings.names("EXAMPLE") == []


def test_the_function_s_name_is_that_of_lambda_and_empty_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    assert settings.function_name() == ""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "sitewatch-CheckFunction-1X")
    assert settings.function_name() == "sitewatch-CheckFunction-1X"
