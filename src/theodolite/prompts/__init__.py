"""What language models are told: Markdown templates, versioned by hash, which a campaign may replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from theodolite.canonical import digest
from theodolite.prompts.fencing import clean_text, fence

__all__ = ["NAMES", "PURPOSES", "PromptError", "Prompts", "clean_text", "fence", "load_prompts"]

PURPOSES = {
    "executor": "what an executor is and may do",
    "context": "what an executor is told of the campaign first",
    "looked": "the answer to a look",
    "reviewer": "what a reviewer is and may do",
    "plan": "stage I: the locked plan",
    "record": "stage II: the machine record",
    "prose": "after stage II: why the claim was proposed",
    "repair": "what follows an answer that cannot be used",
    "person": "turning a person's question into a claim",
}
"""The templates there are, and what each is for."""

NAMES = tuple(PURPOSES)


class PromptError(ValueError):
    """A template that is missing, unknown or cannot be filled in; names the file and the remedy."""


@dataclass(frozen=True)
class Prompts:
    """A set of templates.

    Attributes
    ----------
    texts
        Markdown by name; ``{{ name }}`` marks what is filled in (Jinja).
    replaced
        Names of those that a campaign brought itself.
    """

    texts: Mapping[str, str]
    replaced: tuple[str, ...] = ()
    _filled: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def sha256(self) -> str:
        """Hash of all templates together, recorded with every call."""
        return digest(dict(self.texts))

    def hashes(self) -> dict[str, str]:
        """Return the hash of each template by name."""
        return {name: digest(text) for name, text in self.texts.items()}

    def render(self, name: str, **values: Any) -> str:
        """Fill a template in.

        Values are numbers and words of the program, or text made by :func:`fence`; they are never read as a template.

        Raises
        ------
        PromptError
            If the template asks for something that it is not given.
        """
        from jinja2 import StrictUndefined, TemplateError
        from jinja2.sandbox import SandboxedEnvironment

        try:
            if name not in self._filled:
                environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, trim_blocks=True)
                self._filled[name] = environment.from_string(self.texts[name])
            return str(self._filled[name].render(**values)).strip()
        except TemplateError as error:
            given = ", ".join(sorted(values)) or "nothing"
            raise PromptError(f"the prompt {name!r} cannot be filled in: {error}; it is given {given}") from error


def load_prompts(folder: Path | None = None) -> Prompts:
    """Return the packaged templates, those of a folder in their place.

    Raises
    ------
    PromptError
        If the folder does not exist, or holds a Markdown file that is no template's.
    """
    texts = {name: files("theodolite.prompts").joinpath(f"{name}.md").read_text(encoding="utf-8") for name in NAMES}
    if folder is None:
        return Prompts(texts)
    if not folder.is_dir():
        raise PromptError(f"agents.prompts is {str(folder)!r}, which is no folder; make it, or leave the key out")
    own = {path.stem: path for path in sorted(folder.glob("*.md"))}
    unknown = sorted(own.keys() - set(NAMES))
    if unknown or not own:
        what = f"{unknown[0]}.md, which is no prompt" if unknown else "no Markdown file"
        raise PromptError(
            f"{folder} holds {what}; the prompts are {', '.join(f'{name}.md' for name in NAMES)} "
            "(`theodolite prompts show NAME` prints one to start from)"
        )
    for name, path in own.items():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PromptError(f"the prompt {path} cannot be read: {error}") from error
        _check_fields(path, text, _fields(name, texts[name]))
        texts[name] = text
    return Prompts(texts, tuple(own))


def _check_fields(path: Path, text: str, given: set[str]) -> None:
    """Refuse a template that could not be filled in, before a campaign comes to it."""
    unknown = sorted(_fields(str(path), text) - given)
    if unknown:
        raise PromptError(
            f"{path} asks for {{{{ {unknown[0]} }}}}, which is not given to it; it is given "
            f"{', '.join(sorted(given)) or 'nothing'}"
        )


def _fields(name: str, text: str) -> set[str]:
    """Return what a template asks for."""
    from jinja2 import Environment, TemplateError, meta

    try:
        return set(meta.find_undeclared_variables(Environment().parse(text)))
    except TemplateError as error:
        raise PromptError(f"the prompt {name} is no template: {error}") from error
