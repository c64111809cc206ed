"""Models in ``.skops`` files, which hold no code and are the same to the byte for the same model."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

__all__ = ["read_content", "skops_file", "write_content"]

OWNER_ONLY = 0o600
SUFFIX = ".skops"
CONTENTS = "schema.json"
TRUSTED = {  # types of a saved model besides those that skops trusts
    "engagekit.churn.model.ChurnModel",
    "engagekit.churn.terms.AdditiveTerms",
    "engagekit.churn.terms.CategoryLevels",
    "engagekit.churn.terms.TreeColumns",
    "functools.partial",
    "numpy.dtype",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
}


def skops_file(file: str | Path) -> Path:
    """Path of a model.

    Raises
    ------
    ValueError
        The name does not end with ``.skops``.
    """
    file = Path(file)
    if file.suffix != SUFFIX:
        raise ValueError(
            f"{file.name}: a model lies in a {SUFFIX} file; pickles run code, and are neither read nor written"
        )
    return file


def write_content(content: Any, file: Path) -> None:
    """Write a file that only its owner can read, because a model names categories of customers."""
    import skops.io

    stage = file.with_name(f".{file.name}.part")
    stage.touch(OWNER_ONLY)
    stage.write_bytes(_without_addresses(skops.io.dumps(content)))
    stage.replace(file)


def read_content(file: Path) -> Any:
    """Content of a file, if all that it holds is a model of ours.

    Raises
    ------
    ValueError
        The file is no ``.skops``, or holds types that no model of ours has.
    """
    import skops.io

    try:
        foreign = sorted(set(skops.io.get_untrusted_types(file=file)) - TRUSTED)
        content = None if foreign else skops.io.load(file, trusted=sorted(TRUSTED))
    except OSError:
        raise
    except Exception as error:  # what junk makes of skops and of the constructors that it calls has no common kind
        problem = f"{file.name} cannot be read as a model: {type(error).__name__}. Fit the model and save it again"
        raise ValueError(problem) from error
    if foreign:
        raise ValueError(f"{file.name} holds {', '.join(foreign)}, which no model of ours does. It is not loaded")
    return content


def _without_addresses(archive: bytes) -> bytes:
    """A skops archive in which numbers in the order of the content stand for addresses in memory, without a date."""
    buffer = BytesIO()
    with ZipFile(BytesIO(archive)) as given, ZipFile(buffer, "w") as steady:
        contents, numbers = json.loads(given.read(CONTENTS)), dict[int, int]()
        _renumber(contents, numbers)
        names = {f"{address}.npy": f"{number}.npy" for address, number in numbers.items()}
        for name in sorted(set(given.namelist()) - {CONTENTS}, key=lambda name: numbers[int(Path(name).stem)]):
            steady.writestr(ZipInfo(names[name]), given.read(name))
        steady.writestr(ZipInfo(CONTENTS), json.dumps(contents, indent=2))
    return buffer.getvalue()


def _renumber(node: Any, numbers: dict[int, int]) -> None:
    """Put numbers in the place of addresses, and of the names of files that are made of them."""
    if isinstance(node, dict):
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
        if str(node.get("file", "")).endswith(".npy"):
            address = int(Path(node["file"]).stem)
            node["file"] = f"{numbers.setdefault(address, len(numbers))}.npy"
        for each in node.values():
            _renumber(each, numbers)
    elif isinstance(node, list):
        for each in node:
            _renumber(each, numbers)
