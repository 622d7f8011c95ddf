"""The mixed model of the field: cells by target (fixed) and language (random intercept), by statsmodels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from stilts.errors import first_line


@dataclass(frozen=True)
class Mixed:
    """The slope of a mixed model, families taken for unrelated.

    Attributes:
        slope, se, low, high, p: points a unit of the covariate; Student's t with languages - 2 degrees of freedom.
        converged: what the optimizer says; without it the numbers are not to be used.
        between, within: variance between languages, and of the cells of one, in squared points.
        note: why there is no fit, or what the optimizer warned of.
    """

    slope: float = np.nan
    se: float = np.nan
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    converged: bool = False
    between: float = np.nan
    within: float = np.nan
    note: str = ""


def mixed_model(cells: pd.DataFrame, covariate: pd.Series) -> Mixed:
    """Fit value ~ target + covariate + (1 | language) by restricted likelihood.

    Args:
        cells: columns target, language, value.
        covariate: index language.
    """
    tasks = pd.get_dummies(cells["target"], dtype=np.float64)
    if tasks.shape[1] < 2:
        return Mixed(note="one target: a language's intercept cannot be told from its cell")
    from statsmodels.regression.mixed_linear_model import MixedLM

    x = covariate.loc[cells["language"]].to_numpy(dtype=np.float64)
    design = np.column_stack([tasks.to_numpy(), x])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            fit = MixedLM(cells["value"].to_numpy(), design, groups=cells["language"].to_numpy()).fit(reml=True)
        except (np.linalg.LinAlgError, ValueError) as error:
            return Mixed(note=first_line(error))
    slope, se = float(fit.fe_params[-1]), float(fit.bse_fe[-1])
    df = cells["language"].nunique() - 2
    half = float(stats.t.ppf(0.975, df)) * se
    note = "; ".join(
        dict.fromkeys(first_line(warning.message) for warning in said if isinstance(warning.message, Warning))
    )
    return Mixed(
        slope, se, slope - half, slope + half, float(2 * stats.t.sf(abs(slope) / se, df)) if se > 0 else np.nan,
        bool(fit.converged), float(fit.cov_re.squeeze()), float(fit.scale), note,
    )  # fmt: skip
