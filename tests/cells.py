"""Code cells of a notebook, which several tests look at."""

import nbformat


def code_of(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
