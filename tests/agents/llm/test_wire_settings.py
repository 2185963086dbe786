"""Where requests would go is known, and refused, before anything runs."""

from __future__ import annotations

import pytest

from theodolite.agents.llm import CALLS_VARIABLE, CallsForbidden, ModelSettings, OpenAIWire, SettingsError


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def test_neither_key_nor_address_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CALLS_VARIABLE, "all")
    with pytest.raises(SettingsError, match="OPENAI_BASE_URL"):
        OpenAIWire(ModelSettings())


def test_an_address_needs_no_key() -> None:
    OpenAIWire(ModelSettings(base_url="http://127.0.0.1:11434/v1"))


@pytest.mark.parametrize("address", [None, "https://models.example.org/v1", "http://10.0.0.7/v1"])
def test_local_means_this_machine(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CALLS_VARIABLE, "local")
    with pytest.raises(CallsForbidden, match=CALLS_VARIABLE):
        OpenAIWire(ModelSettings(base_url=address))
