"""Cost of importing the package and of asking the command line for help, over bare Python: medians of 15 runs."""

import statistics
import subprocess
import sys
import time

RUNS = 15
COMMANDS = {
    "bare python": [sys.executable, "-c", "pass"],
    "import engagekit": [sys.executable, "-c", "import engagekit"],
    "engagekit --help": [sys.executable, "-c", "from engagekit.cli import main; main()", "--help"],
}


def seconds(command):
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


times = {name: [] for name in COMMANDS}
for _ in range(RUNS):
    for name, command in COMMANDS.items():
        times[name].append(seconds(command))
bare = statistics.median(times["bare python"])
for name, taken in times.items():
    median = statistics.median(taken)
    print(f"{name:20} {1000 * median:6.0f} ms  {1000 * (median - bare):+6.0f} ms over bare Python")
