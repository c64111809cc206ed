"""Maximum likelihood: the search for a model's parameters, and what every fitted model can say of its precision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engagekit.errors import DataError
from engagekit.metrics.intervals import upper_tail

__all__ = ["FittedModel", "Floats", "NoConvergence", "likeliest", "logit_bounds"]

Floats = NDArray[np.float64]
Likelihood = Callable[[Floats], tuple[float, Floats, Floats]]  # parameters -> log-likelihood, gradient and Hessian

GRADIENT_TOLERANCE = 1e-6  # of the mean log-likelihood
LONGEST_STEP = 1.0  # in logarithms of parameters
LARGEST_ERROR = 5.0  # standard error of a parameter's logarithm above which the data do not determine it
WIDEST = 100.0  # half-width of an interval in logarithms; anything beyond it is the whole range
SLOPE_STEP = 1e-4  # in logarithms of parameters, for the delta method


class NoConvergence(DataError):
    """The data do not determine a model's parameters: the likelihood has no maximum, or is flat there.

    Examples
    --------
    >>> import polars as pl
    >>> from engagekit.value import BetaGeometric
    >>> once = pl.DataFrame({"frequency": [0, 0, 0], "recency": [0, 0, 0], "age": [9, 20, 30]})
    >>> try:
    ...     BetaGeometric.fit(once, unit="week")
    ... except NoConvergence as error:
    ...     print(error)
    frequency: is 0 for all: nobody bought again. Give more time.
    """


@dataclass(frozen=True, kw_only=True)
class FittedModel:
    """Parameters of a model, all above 0, with the log-likelihood and the covariance of the fit.

    Attributes
    ----------
    log_likelihood, customers, covariance : float, int, ndarray
        Of the fit; the covariance is that of the parameters' logarithms. NaN, 0 and None where the parameters were
        given instead of fitted.

    Raises
    ------
    ValueError
        A parameter is not a number above 0.

    Examples
    --------
    >>> import polars as pl
    >>> from engagekit.value import ShiftedBetaGeometric
    >>> ended = [True, True, True, False]
    >>> contracts = pl.DataFrame({"renewals": range(4), "ended": ended, "customers": [30, 20, 10, 40]})
    >>> model = ShiftedBetaGeometric.fit(contracts, unit="month")
    >>> {name: round(error, 1) for name, error in model.standard_errors().items()}
    {'alpha': 1.5, 'beta': 3.8}

    Share that is still there after a year, with its interval and its standard error:

    >>> low, high = model.interval(lambda model: model.survival(12), most=1)
    >>> round(float(low), 2), round(float(model.survival(12)), 2), round(float(high), 2)
    (0.02, 0.1, 0.35)
    >>> round(float(model.variance(lambda model: model.survival(12))) ** 0.5, 2)
    0.07
    """

    log_likelihood: float = np.nan
    customers: int = 0
    covariance: Floats | None = field(default=None, repr=False, compare=False)

    names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name in self.names:
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name}: {getattr(self, name)} is not a number above 0")

    def standard_errors(self) -> dict[str, float]:
        """Standard error of each parameter, in its unit, from the Hessian of the log-likelihood by the delta method."""
        errors = np.sqrt(np.diag(self._covariance()))
        return {name: float(getattr(self, name) * error) for name, error in zip(self.names, errors, strict=True)}

    def interval(
        self, figure: Callable[[Self], ArrayLike], confidence: float = 0.95, most: float = np.inf
    ) -> tuple[Floats, Floats]:
        """Confidence interval of any function of the parameters, in its unit.

        By the delta method on its logarithm or, with a finite ``most``, its logit. The interval describes the
        uncertainty of the expectation. A single customer varies far more.

        Parameters
        ----------
        figure : callable
            Takes a model and gives a number or an array from 0 to ``most``, such as ``lambda model: model.r``.
        confidence : float, default 0.95
            Coverage, between 0 and 1.
        most : float, default inf
            Upper end of the function's range, 1 for a probability. At either end the interval has no width.

        Returns
        -------
        low, high : ndarray
            In the function's unit and shape.

        Raises
        ------
        ValueError
            The model was not fitted, or ``confidence`` is not between 0 and 1.
        """
        from scipy.special import ndtri

        half = float(ndtri(upper_tail(confidence))) * np.sqrt(self.variance(figure))
        return logit_bounds(figure(self), half, most)

    def variance(self, figure: Callable[[Self], ArrayLike]) -> Floats:
        """Variance of any function of the parameters, in its unit squared, by the delta method. See ``interval``."""
        covariance = self._covariance()
        slopes = []
        for name in self.names:
            up, down = (replace(self, **{name: getattr(self, name) * np.exp(h)}) for h in (SLOPE_STEP, -SLOPE_STEP))
            slopes.append((np.asarray(figure(up), float) - np.asarray(figure(down), float)) / (2 * SLOPE_STEP))
        variance: Floats = np.maximum(np.einsum("i...,ij,j...->...", slopes, covariance, slopes), 0)
        return variance

    def _covariance(self) -> Floats:
        if self.covariance is None:
            raise ValueError(f"covariance: parameters that were given have none. Use {type(self).__name__}.fit.")
        return self.covariance


def likeliest(
    model: type[FittedModel], likelihood: Likelihood, start: Sequence[float], customers: Floats
) -> dict[str, Any]:
    """Maximum likelihood estimates of a model's parameters, with the fields of ``FittedModel``.

    Parameters
    ----------
    model : type
        The class to fit; its ``names`` are the parameters in the order of ``start``.
    likelihood : callable
        Log-likelihood with its gradient and Hessian.
    start : sequence of float
        Where the search begins, above 0.
    customers : ndarray
        How many customers each row of the data stands for.

    Returns
    -------
    dict
        Keyword arguments of ``model``, but for its unit.

    Raises
    ------
    NoConvergence
        There is no maximum, or a parameter's standard error is too large to be of use.

    Notes
    -----
    Newton's method within a trust region, on the logarithms of the parameters. Linear algebra runs on one thread, since
    the last bits of a sum depend on how it is divided among threads.
    """
    from scipy.optimize import minimize

    n, hessian = customers.sum(), np.zeros(())

    def cost(logs: Floats) -> tuple[float, Floats]:
        nonlocal hessian
        values = np.exp(logs)
        height, slope, curve = likelihood(values)
        hessian = -(curve * np.outer(values, values) + np.diag(slope * values)) / n
        return -height / n, -slope * values / n

    options = {
        "gtol": GRADIENT_TOLERANCE,
        "initial_trust_radius": 0.9 * LONGEST_STEP,
        "max_trust_radius": LONGEST_STEP,
    }
    with np.errstate(all="ignore"), _blas().limit(limits=1):  # a step that goes too far is taken back
        best = minimize(cost, np.log(start), jac=True, hess=lambda _: hessian, method="trust-exact", options=options)
    if best.success and np.isfinite(best.hess).all() and np.linalg.eigvalsh(best.hess)[0] > 0:
        covariance = np.linalg.inv(best.hess) / n
        if np.diag(covariance).max() < LARGEST_ERROR**2:
            values = np.exp(best.x - n * covariance @ best.jac).tolist()  # the last step of Newton's method
            fields = {"log_likelihood": float(-n * best.fun), "customers": int(n), "covariance": covariance}
            return dict(zip(model.names, values, strict=True)) | fields
    problem = f"{model.__name__}: {n:g} customers do not determine its parameters."
    raise NoConvergence(f"{problem} Take more of them, or a longer time.")


@cache
def _blas() -> Any:
    """Threads of linear algebra, whose libraries are looked for once; the search has loaded them."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def logit_bounds(value: ArrayLike, half: Floats, most: float = np.inf) -> tuple[Floats, Floats]:
    """Bounds of values from 0 to ``most``, given the half-width of their intervals, by the logit.

    Parameters
    ----------
    value : array-like
        From 0 to ``most``.
    half : ndarray
        Half-width in the unit of the value, before the transformation.
    most : float, default inf
        Upper end of the range; without one the logit is the logarithm.

    Returns
    -------
    low, high : ndarray
        Equal to the value at either end of the range.

    Examples
    --------
    >>> low, high = logit_bounds(0.5, np.array(0.1), most=1)
    >>> round(float(low), 3), round(float(high), 3)
    (0.401, 0.599)
    """
    middle = np.asarray(value, float)
    inside = (middle > 0) & (middle < most)
    safe = np.where(inside, middle, min(most, 2) / 2)
    rest = 1 - safe / most
    odds = safe / rest
    spread = np.minimum(half / (safe * rest), WIDEST)
    low, high = (odds * np.exp(sign * spread) for sign in (-1, 1))
    low, high = (np.where(inside, bound / (1 + bound / most), middle) for bound in (low, high))
    return low, high
