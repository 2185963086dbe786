"""Components by name."""

from __future__ import annotations

import pytest

from theodolite.models.components import Component, alike, components


def test_every_component_of_a_model_by_layer() -> None:
    found = components(2, 2)
    assert [str(part) for part in found] == [
        "layer 1 head 1",
        "layer 1 head 2",
        "layer 1 MLP",
        "layer 1",
        "layer 2 head 1",
        "layer 2 head 2",
        "layer 2 MLP",
        "layer 2",
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("part", "layer", "head"), [("head", 1, None), ("mlp", 1, 2), ("layer", 1, 1), ("mlp", 0, None)]
)
def test_what_is_no_component_is_refused(part: str, layer: int, head: int | None) -> None:
    with pytest.raises(ValueError, match="layer|head"):
        Component(part, layer, head)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Component("head", 2, 1), ["layer 2 head 1", "layer 2 head 2"]),
        (Component("mlp", 2), ["layer 1 MLP", "layer 2 MLP"]),
        (Component("layer", 1), ["layer 1", "layer 2"]),
    ],
    ids=str,
)
def test_heads_are_of_the_size_of_heads_of_their_layer(part: Component, words: list[str]) -> None:
    assert [str(other) for other in alike(part, 2, 2)] == words
