"""Terms and codes of columns: those of scikit-learn's transformers, one column at a time."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, SplineTransformer, StandardScaler

from engagekit.churn.terms import AdditiveTerms, CategoryLevels, TreeColumns


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "days": rng.uniform(0, 80, 300),
            "orders": rng.poisson(1.0, 300).astype(float),
            "member": rng.integers(0, 2, 300).astype(float),
            "spent": np.where(rng.random(300) < 0.2, np.nan, rng.exponential(9, 300)),
            "plan": pd.Series(rng.choice(["free", "gold", None], 300), dtype=object),
        }
    )


def spline(column):
    knots = np.unique(np.quantile(column, np.linspace(0, 1, 5)))[:, None]
    return SplineTransformer(knots=knots, extrapolation="linear", include_bias=False).fit(column.to_numpy()[:, None])


def test_terms_are_those_of_one_transformer_a_column(table):
    terms = AdditiveTerms().fit(table)
    later = table.iloc[::-1].assign(days=lambda frame: frame["days"] * 1.5)
    design, names = terms.transform(later), np.array(terms.names_)
    filled = later["spent"].fillna(table["spent"].median())
    known = table["spent"].dropna()
    expected = {
        "days": spline(table["days"]).transform(later["days"].to_numpy()[:, None]),
        "orders": spline(table["orders"]).transform(later["orders"].to_numpy()[:, None]),
        "member": StandardScaler().fit(table[["member"]].to_numpy()).transform(later[["member"]].to_numpy()),
        "spent": np.hstack([spline(known).transform(filled.to_numpy()[:, None]), later[["spent"]].isna()]),
        "plan": OneHotEncoder(sparse_output=False)
        .fit(table[["plan"]].to_numpy())
        .transform(later[["plan"]].to_numpy()),
    }
    for name, columns in expected.items():
        assert design[:, names == name] == pytest.approx(columns), name


def test_codes_are_those_of_scikit_learn_also_of_rare_and_new_categories():
    rng = np.random.default_rng(1)
    words = pd.Series([f"w{number:03}" for number in rng.geometric(0.02, 3_000)], dtype=object)
    levels = CategoryLevels().fit(words)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=100)
    codes = encoder.fit_transform(words.to_numpy()[:, None])[:, 0]
    assert levels.n_ == 100
    same = (levels.transform(words) == codes).mean()
    assert same > 0.99  # those that come equally often are rare in another order
    few = CategoryLevels().fit(words[words < "w050"])
    assert np.isnan(few.transform(pd.Series(["new"], dtype=object))).all()
    assert levels.transform(pd.Series(["new"], dtype=object)).tolist() == [99]


def test_trees_have_categories_first(table):
    columns = TreeColumns().fit_transform(table)
    assert set(columns[:, 0]) == {0, 1, 2}  # free, gold, missing
    assert columns[:, 1:] == pytest.approx(table.drop(columns="plan").to_numpy(), nan_ok=True)
