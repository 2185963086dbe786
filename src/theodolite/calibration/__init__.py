"""Calibration: campaigns in worlds of known truth, and what their outcomes say of the error rates that are claimed."""

from theodolite.calibration.bounds import (
    clopper_pearson_lower,
    clopper_pearson_upper,
    cohen_kappa,
    d_prime,
    hoeffding_bentkus_upper,
)

__all__ = [
    "clopper_pearson_lower",
    "clopper_pearson_upper",
    "cohen_kappa",
    "d_prime",
    "hoeffding_bentkus_upper",
]
