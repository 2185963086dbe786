"""Settings for language models: server, prices, patience. No campaign's identity hangs on them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from theodolite.records import Closed

__all__ = ["CALLS_VARIABLE", "ModelPrice", "ModelSettings", "SettingsError", "calls_allowed", "settings_files"]

CALLS_VARIABLE = "THEODOLITE_MODEL_CALLS"
"""The global switch: ``all`` (default), ``local`` (this machine only), ``none``."""


_DEAREST = 1e9
"""US dollars a million tokens; with more, the cost of a call could be no number of JSON."""
_LONGEST = 1e6
"""Seconds that anything is waited for; with more, the clock of the system could not count them."""
_SECRET = re.compile(r"key|token|secret|password", re.IGNORECASE)


class SettingsError(ValueError):
    """A settings file or variable that cannot be used; names it and the remedy."""


class ModelPrice(Closed):
    """US dollars a million tokens."""

    input: float = Field(ge=0, le=_DEAREST)
    output: float = Field(ge=0, le=_DEAREST)


class ModelSettings(BaseSettings):
    """Read from ``settings.toml`` (section ``[models]``) and variables ``THEODOLITE_MODELS_…``.

    The key is read from ``OPENAI_API_KEY`` and the address from ``OPENAI_BASE_URL``; a key in a file is refused.
    """

    model_config = SettingsConfigDict(env_prefix="THEODOLITE_MODELS_", extra="forbid", frozen=True)

    base_url: str | None = Field(default=None, description="address of the server; where not given, the hosted one")
    timeout_s: float = Field(
        default=180, gt=0, le=_LONGEST, description="seconds one answer may take from first to last byte"
    )
    connect_timeout_s: float = Field(default=15, gt=0, le=_LONGEST, description="seconds until a connection must stand")
    backoff_s: float = Field(
        default=1, ge=0, le=_LONGEST, description="pause after the first failed call; doubles each time"
    )
    longest_backoff_s: float = Field(default=60, ge=0, le=_LONGEST, description="longest pause between two calls")
    opens_after: int = Field(
        default=5, ge=1, le=1000, description="failed calls in a row that open the circuit breaker"
    )
    cool_down_s: float = Field(
        default=120, ge=0, le=_LONGEST, description="pause before an open circuit is probed by one call"
    )
    probes: int = Field(default=15, ge=0, description="probes after which the campaign waits for a person")
    largest_answer: int = Field(default=4_000_000, ge=1_000, description="bytes of an answer, after which it is cut")
    prices: dict[str, ModelPrice] = Field(default_factory=dict, description="US dollars a million tokens, by model")

    @field_validator("base_url")
    @classmethod
    def _whole_address(cls, address: str | None) -> str | None:
        """Refuse an address that no request could be sent to, before anything runs."""
        if address is not None and not address.lower().startswith(("http://", "https://")):
            raise ValueError("an address begins with http:// or https://, as http://localhost:11434/v1 does")
        return address

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
        """Given values first, then variables, then the files, the nearest first."""
        found = [_Section(settings_cls, file) for file in settings_files() if file.is_file()]
        return (init_settings, env_settings, *found)

    @classmethod
    def read(cls, **given: Any) -> ModelSettings:
        """Return the settings that hold here.

        Raises
        ------
        SettingsError
            Naming the key and its value.
        """
        _check_variables(cls)
        address = os.environ.get("OPENAI_BASE_URL")
        if address and "base_url" not in given:
            given["base_url"] = address
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden" and _SECRET.search(key):
                # The value may be a key, and this is printed.
                raise SettingsError(
                    f"models.{key} stands in the settings ({', '.join(map(str, settings_files()))}): a key in a file "
                    "is refused; take it out and set OPENAI_API_KEY"
                ) from None
            raise SettingsError(
                f"models.{key} is {first['input']!r} in the settings ({', '.join(map(str, settings_files()))}, or "
                f"THEODOLITE_MODELS_…): {first['msg']}. Keys: {', '.join(cls.model_fields)}."
            ) from error
        except ValueError as error:
            raise SettingsError(f"the settings cannot be read: {error}") from error

    @property
    def key(self) -> SecretStr | None:
        """The key of the server, from ``OPENAI_API_KEY``; white space around it, as from a file, is no part of it.

        Raises
        ------
        SettingsError
            If no header can carry it: the library would quote it in its error.
        """
        found = os.environ.get("OPENAI_API_KEY", "").strip()
        if not (found.isascii() and found.isprintable()):
            raise SettingsError("OPENAI_API_KEY holds a line break or a sign that no key has; set it anew")
        return SecretStr(found) if found else None

    @property
    def server(self) -> str | None:
        """The address as it may be shown: without a user, a password or a query; None for the hosted server."""
        if self.base_url is None:
            return None
        parts = urlsplit(self.base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def own_server(self) -> bool:
        """Whether an address was given."""
        return self.base_url is not None


def _check_variables(settings: type[ModelSettings]) -> None:
    """Refuse a variable that would be passed over in silence."""
    named = os.environ.get("THEODOLITE_SETTINGS")
    if named and not Path(named).is_file():
        raise SettingsError(f"THEODOLITE_SETTINGS is {named!r}, which is no file; write it, or unset the variable")
    prefix = "THEODOLITE_MODELS_"
    known = {f"{prefix}{name.upper()}" for name in settings.model_fields}
    unknown = sorted(name for name in os.environ if name.upper().startswith(prefix) and name.upper() not in known)
    if unknown:
        raise SettingsError(f"{unknown[0]} is no setting; there are {', '.join(sorted(known))}")


class _Section(TomlConfigSettingsSource):
    """The section ``[models]`` of a settings file."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        content = super()._read_file(file_path)
        unknown = sorted(content.keys() - {"models"})
        if unknown:
            raise SettingsError(f"{file_path} has {unknown[0]!r} at its top; its one section is [models]")
        section: dict[str, Any] = content.get("models", {})
        return section


def settings_files() -> tuple[Path, ...]:
    """Return where settings are looked for, the nearest first: this folder, then the user's."""
    named = os.environ.get("THEODOLITE_SETTINGS")
    if named:
        return (Path(named),)
    user = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Path("theodolite.toml"), user / "theodolite" / "settings.toml"


def calls_allowed() -> Literal["all", "local", "none"]:
    """Return what the global switch allows.

    Raises
    ------
    SettingsError
        If it is set to something else.
    """
    match os.environ.get(CALLS_VARIABLE, "all"):
        case "all":
            return "all"
        case "local":
            return "local"
        case "none":
            return "none"
        case other:
            raise SettingsError(f"{CALLS_VARIABLE} is {other!r}; it is all, local (this machine only) or none")
