"""Campaigns whose response to spend is known, and the best split of a budget over them."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.optimize import minimize


@dataclass(frozen=True)
class World:
    """Response of campaigns: ceiling * spend ** exponent / (half ** exponent + spend ** exponent)."""

    ceiling: np.ndarray
    half: np.ndarray
    usual: np.ndarray
    exponent: float = 1.0

    @classmethod
    def of(cls, seed, exponent=1.0, campaigns=6):
        """Ceilings differ by a factor of up to 10, half points by one of 11 around the usual spend."""
        rng = np.random.default_rng([seed, 1])
        usual, ceiling = rng.uniform(50, 200, campaigns), rng.uniform(100, 1000, campaigns)
        return cls(ceiling, usual * np.exp(rng.uniform(-1.2, 1.2, campaigns)), usual, exponent)

    def results(self, spend):
        """Results without noise."""
        powered = spend**self.exponent
        return self.ceiling * powered / (self.half**self.exponent + powered)

    def optimum(self, total):
        """Highest result of any split, by SLSQP from several starts."""
        equal = {"type": "eq", "fun": lambda shares: shares.sum() - 1}
        scale = self.results(self.usual).sum()
        starts = [self.usual / self.usual.sum(), *np.random.default_rng(0).dirichlet(np.ones(len(self.usual)), 5)]
        solved = [
            minimize(
                lambda shares: -self.results(np.maximum(shares, 0) * total).sum() / scale,
                start,
                method="SLSQP",
                bounds=[(0, 1)] * len(start),
                constraints=equal,
            )
            for start in starts
        ]
        return max(-each.fun * scale for each in solved if each.success)

    def periods(self, seed, periods=24, factor=3.0, noise=0.1):
        """The table of campaigns: spend spread evenly in its logarithm over a factor, results with relative noise."""
        rng = np.random.default_rng([seed, 2])
        spread = np.linspace(-0.5, 0.5, periods) * np.log(factor)
        spend = self.usual * np.exp(np.column_stack([rng.permutation(spread) for _ in self.usual]))
        results = np.maximum(self.results(spend) * (1 + noise * rng.normal(size=spend.shape)), 0)
        names = np.repeat([f"campaign {place}" for place in range(len(self.usual))], periods)
        return pl.DataFrame({"campaign": names, "spend": spend.T.ravel(), "conversions": results.T.ravel()})
