from __future__ import annotations

import pytest

from theodolite.data.planted import PlantedStructure, WorldKind, plant_structure


@pytest.fixture(scope="session")
def standard() -> PlantedStructure:
    return plant_structure(11)


@pytest.fixture(scope="session")
def paralogue() -> PlantedStructure:
    return plant_structure(12, WorldKind.PARALOGUE)
