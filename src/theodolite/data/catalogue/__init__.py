"""Published references by name: readers of their files, where they are published, and what of them is here."""

from __future__ import annotations

from theodolite.data.catalogue.entries import CATALOGUE, resource_called
from theodolite.data.catalogue.fetching import add_file, fetch
from theodolite.data.catalogue.folder import Held, data_folder, find_held, held_in, how_to_get, kept
from theodolite.data.catalogue.loading import is_resource, load_resource, load_resource_families
from theodolite.data.catalogue.orthologues import Orthologues, carry, read_orthologues
from theodolite.data.catalogue.resources import CatalogueError, PublishedFile, Resource

__all__ = [
    "CATALOGUE",
    "CatalogueError",
    "Held",
    "Orthologues",
    "PublishedFile",
    "Resource",
    "add_file",
    "carry",
    "data_folder",
    "fetch",
    "find_held",
    "held_in",
    "how_to_get",
    "is_resource",
    "kept",
    "load_resource",
    "load_resource_families",
    "read_orthologues",
    "resource_called",
]
