"""Variants: names that are read back, and which of them a claim is held against."""

from __future__ import annotations

import pytest

from theodolite.measurements import Variant, VariantKind

SEEDLESS = ("main", "counts", "static_embedding", "panel")


@pytest.mark.parametrize("kind", list(VariantKind))
def test_every_variant_is_read_back_from_its_name(kind: VariantKind) -> None:
    seed = 0 if kind.value in SEEDLESS else 3
    variant = Variant(kind, seed)
    assert Variant.parse(str(variant)) == variant
    assert str(variant) == (kind.value if kind.value in SEEDLESS else f"{kind.value}(3)")


@pytest.mark.parametrize("text", ["panel(1)", "static_embedding(0)", "main(0)", "untrained", "null_branch(3", "tissue"])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no variant; did you mean|is not a valid"):
        Variant.parse(text)


def test_what_reads_the_model_itself_is_no_baseline() -> None:
    of_the_model = {kind.value for kind in VariantKind if not Variant(kind).baseline}
    assert of_the_model == {"main", "refitted", "null_branch", "panel"}
    assert {"random_projection", "static_embedding", "random_operator"} <= {kind.value for kind in VariantKind}


def test_what_was_fitted_anew_reads_the_model_itself_and_all_else_its_own() -> None:
    assert Variant(VariantKind.REFITTED, 5).of_model == Variant(VariantKind.MAIN)
    for kind in set(VariantKind) - {VariantKind.REFITTED}:
        assert Variant(kind, 2).of_model == Variant(kind, 2)
