"""What must not move: the numbers of a business, room by room, summed up so that a change of any cell shows.

``python tests/golden/summaries.py`` writes the files anew. A change on purpose is made in a commit of its own, which
says for each value the old one, the new one and a check by hand.
"""

import json
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import narwhals as nw
import polars as pl

import engagekit as ek
from engagekit.churn.dataset import churn_dataset
from engagekit.churn.outcomes import DIFFERENCE
from engagekit.frames.periods import period_starts
from engagekit.prepare.leaving import active_base
from engagekit.reports.scoring import scoring
from engagekit.study import Study

HERE = Path(__file__).parent
RETAIL = HERE.parents[2] / "shared" / "data" / "online_retail" / "online_retail.csv.gz"
SAMPLES = [(kind, seed) for kind in ("ecommerce", "saas", "subscription") for seed in (1, 2)]
CASES = [*(f"{kind}-{seed}" for kind, seed in SAMPLES), "online-retail"]
FEW = 25  # different texts of a column that are counted one by one
SETTINGS = """name = "Online Retail"
kind = "ecommerce"
language = "en"
currency = "GBP"
time_zone = "Europe/London"
as_of = 2011-12-10

[score.components]
recency_days = {weight = 0.3, low = 0, high = 84, direction = "down"}
orders = {weight = 0.4, low = 0, high = 6}
value = {weight = 0.3, low = 0, high = 2000}

[tables.interactions]
file = "online_retail.csv.gz"
note = "Gross of cancellations: cancelled lines have a quantity below 0 and are left out, as are lines without a price."
refuse_above = 0.3
[tables.interactions.columns]
customer_id = "CustomerID"
time = "InvoiceDate"
channel = {constant = "web"}
action = {constant = "purchase"}
value = {product = ["Quantity", "UnitPrice"]}
order_id = "InvoiceNo"
product = "StockCode"
quantity = "Quantity"
unit_price = "UnitPrice"
[tables.interactions.keep]
quantity = "> 0"
unit_price = "> 0"
"""


def rounded(number):
    """A number of 9 significant digits; None for what is no number."""
    return float(f"{number:.9g}") if number is not None and number == number else None


def summed(frame, keys):
    """A frame in a few numbers: rows, and of each column how many are known, their sum, and one that sees the order."""
    frame = (pl.from_pandas(frame) if not isinstance(frame, pl.DataFrame) else frame).sort(keys, nulls_last=True)
    weight = pl.Series(range(frame.height)) % 97 + 1
    columns = {}
    for name, column in frame.to_dict().items():
        if column.dtype.is_numeric() or column.dtype == pl.Boolean:
            known = column.cast(pl.Float64).fill_nan(None)
            columns[name] = [known.count(), rounded(known.sum()), rounded((known * weight).sum())]
        elif column.dtype in (pl.String, pl.Categorical) and column.n_unique() <= FEW:
            counts = column.cast(pl.String).fill_null("null").value_counts().sort("count", column.name)
            columns[name] = dict(counts.sort(column.name).rows())
        else:
            columns[name] = [column.count(), column.n_unique()]
    return {"rows": frame.height, "columns": columns}


def listed(frame, keys):
    """A small frame whole."""
    table = pl.from_pandas(frame) if not isinstance(frame, pl.DataFrame) else frame
    return [
        [rounded(cell) if isinstance(cell, float) else cell for cell in row] for row in table.sort(keys).iter_rows()
    ]


def rooms(folder):
    """Summaries of a business, by room."""
    study = Study(folder)
    rows = study.measured.assign(period=study.measured["period"].astype(str))
    by_metric = {
        name: summed(part.drop(columns=["metric", "period"]).assign(at=part["period"]), ["at"])["columns"]
        for name, part in rows.groupby("metric")
    }
    for part in by_metric.values():
        del part["at"]
    changes = {name: [rounded(float(number)) for number in change] for name, change in study.changes.items()}
    end, churn = study.end, study.churn
    begin = study.described("interactions")["time"].min().replace(hour=0, minute=0, second=0)
    dates = [day for day in period_starts(end, "month", 14) if day - timedelta(days=84) >= begin and day < end]
    features = ek.customer_features(study.firewall, end)
    snapshots = ek.snapshots(study.firewall, [end - timedelta(weeks=4 * back) for back in range(6)])
    table = "subscriptions" if churn.contractual else "interactions"
    base = active_base(study.business.table(table, lazy=True).collect(), dates, churn)
    labels = churn_dataset(study.firewall, dates, churn, as_of=end)
    return {
        "metrics": by_metric | {"changes": changes},
        "score": {"scored": summed(with_text(study.scores), ["date", "customer_id"])}
        | judged(study.verdict)
        | {"findings": listed(scoring(study).findings, ["mistake", "finding", "about", "beside"])},
        "customers": {
            "cohorts": summed(study.cohorts(), ["cohort", "age"]),
            "features": summed(collected(features), ["customer_id"]),
            "snapshots": summed(with_text(snapshots), ["date", "customer_id"]),
        },
        "churn": {
            "bases": [
                summed(base.filter(pl.col("date") == date).drop("date"), ["customer_id"])["columns"] for date in dates
            ],
            "labels": summed(with_text(labels), ["date", "customer_id"]),
        },
    }


def judged(verdict):
    """What a verdict stands on."""
    statistics = verdict.backtest.statistics
    columns = ["predictor", "statistic", "value", "low", "high", *DIFFERENCE, "dates"]
    return {
        "verdict": verdict.verdict,
        "customers": [verdict.customers, verdict.churned, len(verdict.dates), verdict.falls],
        "predictors": listed(statistics[columns].astype({"dates": int}), ["predictor", "statistic"]),
        "segments": listed(verdict.segments, ["segment"]),
        "deciles": listed(verdict.deciles, ["decile"]),
        "weights": listed(verdict.weights, ["feature"]),
        "gain": [rounded(number) for number in verdict.gain],
    }


def collected(frame):
    return nw.from_native(frame).lazy().collect("polars").to_native()


def with_text(frame):
    """A frame whose dates are text, so that they can be counted."""
    return collected(frame).with_columns(pl.col("date").cast(pl.String))


def make(case, folder):
    """Folder of a case's business; None where its data are not there."""
    folder = Path(folder) / case
    if case != "online-retail":
        kind, seed = case.split("-")
        ek.write_sample(ek.make_sample(kind, customers=600, seed=int(seed)), folder)
        return folder
    if not RETAIL.is_file():
        return None
    folder.mkdir()
    shutil.copy(RETAIL, folder)
    (folder / "business.toml").write_text(SETTINGS)
    return folder


def golden(room):
    """What was written of a room, by case."""
    return json.loads((HERE / f"{room}.json").read_text("utf-8"))


def main():
    """Write the files anew."""
    found = {}
    with TemporaryDirectory() as root:
        for case in CASES:
            for room, summary in rooms(make(case, root)).items():
                found.setdefault(room, {})[case] = summary
    for room, cases in found.items():
        lines = [
            f"{json.dumps(case)}: {{\n"
            + ",\n".join(f"{json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}" for name, part in parts.items())
            + "\n}"
            for case, parts in cases.items()
        ]
        (HERE / f"{room}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
