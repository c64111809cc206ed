"""What reading a CSV file costs: CPU seconds, the kit beside pandas as one would use it, and the recogniser.

``python benchmarks/reading.py [--rows 1000000]`` writes a file of 12 columns of text once, and reads it with dates as
ISO 8601 and as day/month/year; pandas reads the same columns and parses the time and the numbers, and checks nothing.
"""

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

RUNS = 3
CODE = {
    "kit": """
from pathlib import Path
from engagekit.data.read import read_table
from engagekit.data.source import Source
from engagekit.data.style import Style
{start}
read = read_table("interactions", Source(file={file!r}), Path({folder!r}), Style("en", time_zone="Asia/Jakarta"))
assert read.kept == {rows}
{end}
""",
    "pandas": """
import pandas as pd
{start}
ids = dict.fromkeys(["customer_id", "order_id", "session_id", "event_id"], str)
frame = pd.read_csv({path!r}, dtype=ids)
frame["time"] = pd.to_datetime(frame["time"], format={form!r}).dt.tz_localize("Asia/Jakarta")
frame = frame.drop_duplicates("event_id")
assert len(frame) == {rows}
{end}
""",
}
CPU = "import resource; used = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2]); before = used()"


def written(folder: Path, rows: int) -> dict[str, tuple[Path, str]]:
    """The same events with two ways of writing the time."""
    draw = np.random.default_rng(0)
    seconds = draw.integers(0, 365 * 86_400, rows) * 1_000_000
    frame = pl.DataFrame(
        {
            "customer_id": pl.Series(draw.integers(0, 50_000, rows)).cast(pl.String),
            "time": pl.Series(seconds).cast(pl.Datetime("us")).dt.offset_by("55y"),
            "channel": draw.choice(["web", "app", "store"], rows),
            "action": draw.choice(["view", "purchase"], rows),
            "value": draw.integers(1, 10**6, rows) / 100,
            "order_id": draw.integers(0, rows, rows),
            "product": draw.choice([f"product {n}" for n in range(500)], rows),
            "quantity": draw.integers(1, 9, rows),
            "duration_s": draw.integers(0, 600, rows),
            "page": draw.choice([f"/page/{n}" for n in range(500)], rows),
            "session_id": draw.integers(0, rows, rows),
            "event_id": np.arange(rows),
        }
    )
    forms = {"iso": "%Y-%m-%d %H:%M:%S", "day/month/year": "%d/%m/%Y %H:%M:%S"}
    files = {}
    for at, (name, form) in enumerate(forms.items()):
        files[name] = (folder / f"{at}.csv", form)
        frame.write_csv(files[name][0], datetime_format=form)
    return files


def seconds_of(code: str) -> float:
    """CPU seconds that a process says its reading took, the median of some runs."""
    ran = [
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(RUNS)
    ]
    return median(float(each.stdout) for each in ran)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with TemporaryDirectory() as folder:
        print(f"CPU seconds to read {rows:,} rows of 12 columns; the kit beside pandas")
        for name, (path, form) in written(Path(folder), rows).items():
            known = {"file": path.name, "folder": folder, "path": str(path), "form": form, "rows": rows}
            known |= {"start": CPU, "end": "print(used() - before)"}
            kit, pandas = (seconds_of(code.format(**known)) for code in CODE.values())
            print(f"  {name:<15} {kit:5.2f} {pandas:5.2f}   {kit / pandas:.2f} times")
    print(f"peak memory of a child: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
