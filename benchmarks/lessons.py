"""What a lesson takes: CPU and wall seconds of running each solution, or of those whose names the arguments begin.

Each runs in a process and a kernel of its own, as a learner's would.
"""

import os
import subprocess
import sys
import time

from engagekit.display.markup import notebook_path

RUN = """
import sys, nbformat
from nbclient import NotebookClient
NotebookClient(nbformat.read(sys.argv[1], 4), kernel_name="python3").execute()
"""

for path in sorted(notebook_path("solutions").glob("*.ipynb")):
    if sys.argv[1:] and not path.name.startswith(tuple(sys.argv[1:])):
        continue
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", RUN, path])
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    failed = "" if status == 0 else "  failed"
    print(f"{path.stem:30} {used.ru_utime + used.ru_stime:6.1f} CPU s  {seconds:6.1f} s{failed}")
