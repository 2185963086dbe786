"""Models that plug-ins offer by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from theodolite.models.facts import CheckpointError, ModelFacts, ModelNotFoundError
from theodolite.models.offered import find_facts, find_model, offer_model, offered_models
from theodolite.models.registry import load_model, model_facts
from theodolite.plugins import find_facts as find_anywhere

pytestmark = pytest.mark.usefixtures("fresh_plugins")


def loads(small_world: Any) -> Any:
    def model() -> Any:
        """Load the model of the small world."""
        return load_model(str(small_world.model))

    return model


def test_an_offered_model_is_found_by_name(small_world: Any) -> None:
    said = model_facts(str(small_world.model))
    offer_model("own-model", lambda: said)(loads(small_world))
    assert offered_models() == ("own-model",)
    facts = find_facts("own-model")
    assert (facts.name, facts.genes, facts.width) == ("own-model", said.genes, said.width)
    # Weights and the code that reads them.
    assert facts.sha256 != said.sha256
    sha256, model = find_model("own-model")
    assert sha256 == facts.sha256 and model.genes == said.genes


def test_names_of_packaged_models_and_folders_are_as_before(small_world: Any) -> None:
    assert find_facts("compact-pbmc") == model_facts("compact-pbmc")
    sha256, model = find_model(str(small_world.model))
    assert sha256 == model.sha256
    with pytest.raises(ModelNotFoundError, match="no model 'absent'"):
        find_anywhere("absent")
    offer_model("own-model", lambda: model_facts("compact-pbmc"))(loads(small_world))
    with pytest.raises(ModelNotFoundError, match="plug-ins offer own-model"):
        find_anywhere("absent")


def test_a_model_that_is_not_what_its_facts_say_is_refused(small_world: Any) -> None:
    said = replace(model_facts(str(small_world.model)), n_heads=7)
    offer_model("own-model", lambda: said)(loads(small_world))
    with pytest.raises(CheckpointError, match="n_heads 2, its facts say 7"):
        find_model("own-model")


def test_facts_that_cannot_be_had_are_named() -> None:
    def facts() -> ModelFacts:
        raise OSError("the weights are not there")

    def model() -> Any:
        """Load nothing."""

    offer_model("own-model", facts)(model)
    with pytest.raises(CheckpointError, match=r"'own-model' .*test_offered.py.*the weights are not there"):
        find_facts("own-model")


def test_a_name_that_is_taken_or_none_and_a_loader_without_a_docstring(small_world: Any) -> None:
    offer = loads(small_world)
    offer_model("own-model", lambda: model_facts("compact-pbmc"))(offer)
    for name, said in (("own-model", "it is offered by"), ("compact-pbmc", "packaged"), ("a b", "no name")):
        with pytest.raises(TypeError, match=said):
            offer_model(name, lambda: model_facts("compact-pbmc"))(offer)
    with pytest.raises(TypeError, match="no docstring"):
        offer_model("other", lambda: model_facts("compact-pbmc"))(lambda: offer())
