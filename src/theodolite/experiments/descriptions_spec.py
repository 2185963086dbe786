"""What a campaign file may say under ``descriptions:``: names, or names with references and parameters."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue, PlainSerializer, ValidationInfo, field_validator

from theodolite.records import Closed

__all__ = ["KEPT_TO_GENES", "MEANING", "DescriptionItem", "Descriptions"]

MEANING = (
    "descriptions of the whole model on discovery genes, which make no claim (`theodolite tools list`): names, or "
    "{name: geometry.effective_rank, references: [...], params: {...}, untrained: true}"
)

KEPT_TO_GENES = frozenset({"vectors", "attention", "ablated", "coexpression", "dictionary"})
"""What a workbench gives of its own genes alone; whatever else a description reads would show it the others."""


class DescriptionItem(Closed):
    """One description that a campaign makes when it opens."""

    name: str = Field(description="a description of `theodolite tools list`")
    references: tuple[str, ...] | None = Field(
        default=None,
        description="ids of references of the campaign that it is held against; all of its kind where not given",
    )
    params: dict[str, JsonValue] = Field(
        default_factory=dict,
        validate_default=True,
        description="its parameters (`theodolite tools describe NAME`); defaults where not given",
    )
    untrained: bool = Field(default=False, description="whether the untrained model is described beside the trained")

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        from theodolite.plugins import find_description, find_tool

        try:
            known = find_description(name)
        except KeyError as error:
            try:
                find_tool(name)
            except KeyError:
                raise ValueError(error.args[0]) from None
            raise ValueError(f"{name} is an instrument, whose scores are judged; list it under `tools:`") from None
        others = [what for what in known.reads if what not in KEPT_TO_GENES]
        # Those that are part of Theodolite read the model at the genes to explore only, which a test holds them to.
        if others and not known.built_in:
            raise ValueError(
                f"{name} reads the {others[0]} itself, which tells of genes that are kept for tests too; it runs on an "
                "AnnData (theodolite.tl.describe), and in no campaign"
            )
        return name

    @field_validator("references", mode="before")
    @classmethod
    def _several(cls, given: Any) -> Any:
        return [given] if isinstance(given, str) else given

    @field_validator("references")
    @classmethod
    def _taken(cls, ids: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        from theodolite.plugins import find_description

        if ids is None or "name" not in info.data:
            return ids
        name = info.data["name"]
        kind = find_description(name).references
        if kind == "none":
            raise ValueError(f"{name} is held against no reference; leave `references` out")
        if not ids or len(set(ids)) != len(ids):
            raise ValueError(f"name at least one of the {kind}, and each once; or leave `references` out for all")
        return ids

    @field_validator("params")
    @classmethod
    def _fit(cls, params: dict[str, JsonValue], info: ValidationInfo) -> dict[str, JsonValue]:
        from theodolite.plugins import find_description
        from theodolite.tools import ToolError

        if "name" in info.data:
            try:
                find_description(info.data["name"]).parsed(params)
            except ToolError as error:
                raise ValueError(str(error)) from None
        return params


def _item(given: Any) -> Any:
    return {"name": given} if isinstance(given, str) else given


Descriptions = tuple[
    Annotated[
        DescriptionItem,
        BeforeValidator(_item),
        PlainSerializer(lambda item: item.model_dump(mode="json", exclude_defaults=True), return_type=dict[str, Any]),
    ],
    ...,
]
"""The type of the key."""
