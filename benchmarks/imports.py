"""What imports cost: CPU milliseconds over bare Python, of the package, the command line, a report and its libraries.

Medians of 15 interleaved runs, or of as many as the first argument says. ``python -X importtime -c "import ..."`` shows
where the time goes. A library that another one has imported already costs less than its line here.
"""

import os
import statistics
import subprocess
import sys

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 15
MODULES = {
    "the package": "engagekit",
    "runner of reports": "engagekit.reports.batch, papermill",
    "kernel, engagement": "engagekit.reports.score",
    "kernel, churn": "engagekit.reports.churn_trial",
    "a kernel itself": "ipykernel.kernelapp",
    "narwhals": "narwhals",
    "polars": "polars",
    "pandas": "pandas",
    "matplotlib": "matplotlib.figure",
    "pandera": "pandera.polars",
    "scipy.stats": "scipy.stats",
    "sklearn": "sklearn.linear_model",
    "seaborn": "seaborn",
}
COMMANDS = {
    "bare python": ["-c", "pass"],
    "engagekit --help": ["-c", "from engagekit.cli import main; main()", "--help"],
    **{name: ["-W", "ignore", "-c", f"import {modules}"] for name, modules in MODULES.items()},
}


def seconds(arguments):
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    used = os.wait4(process.pid, 0)[2]
    return used.ru_utime + used.ru_stime


times = {name: [] for name in COMMANDS}
for _ in range(RUNS):
    for name, arguments in COMMANDS.items():
        times[name].append(seconds(arguments))
bare = statistics.median(times["bare python"])
for name, taken in times.items():
    median = statistics.median(taken)
    print(f"{name:20} {1000 * median:6.0f} ms  {1000 * (median - bare):+6.0f} ms over bare Python")
