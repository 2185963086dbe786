"""Settings: variables before files, a clear error for what is wrong, and no key in any file."""

from __future__ import annotations

from pathlib import Path

import pytest

from theodolite.agents.llm import (
    CALLS_VARIABLE,
    CallsForbidden,
    ModelSettings,
    OpenAIWire,
    SettingsError,
    calls_allowed,
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings.toml"
    path.touch()
    monkeypatch.setenv("THEODOLITE_SETTINGS", str(path))
    return path


def test_prices_come_from_the_file(file: Path) -> None:
    file.write_text(
        '[models]\nbackoff_s = 3\n[models.prices."gpt-5.1"]\ninput = 1.25\noutput = 10.0\n', encoding="utf-8"
    )
    settings = ModelSettings.read()
    assert settings.backoff_s == 3
    assert settings.prices["gpt-5.1"].output == 10.0
    assert not settings.own_server


def test_a_variable_is_stronger_than_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[models]\ntimeout_s = 30\n", encoding="utf-8")
    monkeypatch.setenv("THEODOLITE_MODELS_TIMEOUT_S", "60")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")
    settings = ModelSettings.read()
    assert settings.timeout_s == 60
    assert settings.base_url == "http://127.0.0.1:11434/v1"
    assert settings.own_server


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[models]\ntimeout_s = -1\n", r"models\.timeout_s is -1"),
        ("[models]\napi_key = 'sk-secret'\n", r"models\.api_key"),
        ("[models]\nretries = 3\n", r"models\.retries"),
        ("[models.prices.x]\ninput = 1\n", r"models\.prices\.x\.output"),
        (
            "[models]\nbase_url = 'localhost:11434/v1'\n",
            r"models\.base_url is 'localhost:11434/v1'.*begins with http://",
        ),
        ("[models\n", "cannot be read"),
        ("[models.prices.x]\ninput = inf\noutput = 1\n", r"models\.prices\.x\.input is inf"),
        ("[models.prices.x]\ninput = nan\noutput = 1\n", r"models\.prices\.x\.input is nan"),
        ("[models.prices.x]\ninput = 1e308\noutput = 1\n", r"models\.prices\.x\.input is 1e\+308"),
        ("[models]\ntimeout_s = inf\n", r"models\.timeout_s is inf"),
        ("[models]\ncool_down_s = inf\n", r"models\.cool_down_s is inf"),
        ("[models]\nopens_after = 1000000\n", r"models\.opens_after is 1000000"),
    ],
)
def test_a_wrong_setting_is_named(file: Path, text: str, said: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        ModelSettings.read()


def test_a_key_in_a_file_is_refused_and_not_printed(file: Path) -> None:
    file.write_text("[models]\napi_key = 'my-house-key'\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="set OPENAI_API_KEY") as refused:
        ModelSettings.read()
    assert "my-house-key" not in str(refused.value)
    assert refused.value.__suppress_context__, "nor is it in a traceback"


def test_the_key_comes_from_its_variable_and_is_not_printed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ModelSettings.read().key is None
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-to-be-seen")
    settings = ModelSettings.read()
    assert settings.key is not None
    assert settings.key.get_secret_value() == "sk-not-to-be-seen"
    assert "not-to-be-seen" not in f"{settings!r} {settings.key!r} {settings.model_dump()}"


def test_white_space_around_a_key_is_no_part_of_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key with a line break is quoted in the error of the library, and so came into the ledger."""
    monkeypatch.setenv("OPENAI_API_KEY", "plain-secret-1234567890\n")
    settings = ModelSettings.read()
    assert settings.key is not None
    assert settings.key.get_secret_value() == "plain-secret-1234567890"


@pytest.mark.parametrize(
    "key", ["plain\r\nsecret-1234567890", "plain-secret\x01-1234567890", "plain-secret\u2019-1234567890"]
)
def test_a_key_that_no_header_can_carry_is_refused_and_not_quoted(
    file: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(SettingsError, match="set it anew") as caught:
        OpenAIWire(ModelSettings(base_url="http://localhost:1"))
    assert "secret" not in str(caught.value)


def test_an_address_is_shown_without_what_lets_one_in(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "https://me:pass-word@models.example:8443/v1?api-key=hidden#x"
    settings = ModelSettings(base_url=address)
    assert settings.server == "https://models.example:8443/v1"
    monkeypatch.setenv(CALLS_VARIABLE, "none")
    with pytest.raises(CallsForbidden) as caught:
        OpenAIWire(settings)
    assert "pass-word" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_the_global_switch_knows_three_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for word in ("all", "local", "none"):
        monkeypatch.setenv(CALLS_VARIABLE, word)
        assert calls_allowed() == word
    monkeypatch.setenv(CALLS_VARIABLE, "perhaps")
    with pytest.raises(SettingsError, match="perhaps"):
        calls_allowed()


def test_nothing_is_passed_over_in_silence(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[model]\ntimeout_s = 5\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"'model' at its top.*\[models\]"):
        ModelSettings.read()
    file.write_text("", encoding="utf-8")
    monkeypatch.setenv("THEODOLITE_MODELS_TIMEOUT", "5")
    with pytest.raises(SettingsError, match="THEODOLITE_MODELS_TIMEOUT is no setting"):
        ModelSettings.read()
    monkeypatch.delenv("THEODOLITE_MODELS_TIMEOUT")
    monkeypatch.setenv("THEODOLITE_SETTINGS", str(file.with_name("absent.toml")))
    with pytest.raises(SettingsError, match="absent.toml"):
        ModelSettings.read()
