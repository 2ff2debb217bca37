"""Fetches public tables from Python and Debian packages, and writes each as a Parquet file.

    pip install rdata
    python scripts/tabular_tables.py FOLDER

The packages are downloaded and unpacked, not installed: `pip download` of river and ISLP, and
`apt-get download` of Debian's R packages of data, whose files rdata reads (a .deb may also be laid
into FOLDER/packages by hand). `TABLES` says which tables there are: those that defaults are chosen
on, and those kept apart, on which what was chosen is compared.
"""

import argparse
import bz2
import gzip
import io
import lzma
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

WHEELS = ("river", "ISLP")
DEBIAN = ("r-cran-mlbench", "r-cran-kernlab", "r-cran-modeldata")
LIBRARY = "usr/lib/R/site-library"


@dataclass(frozen=True)
class Table:
    """Where a table lies in the packages, what is predicted, and what would give it away."""

    package: str
    name: str
    target: str
    use: str  # choose or compare
    drop: tuple[str, ...] = ()


TABLES = {
    "pima": Table("mlbench", "PimaIndiansDiabetes2", "diabetes", "choose"),
    "spam": Table("kernlab", "spam", "type", "choose"),
    "insurance": Table("kernlab", "ticdata", "CARAVAN", "choose"),
    "orange_juice": Table("ISLP", "OJ", "Purchase", "choose"),
    "attrition": Table("modeldata", "attrition", "Attrition", "choose"),
    "cells": Table("modeldata", "cells", "class", "choose", ("case",)),
    "lending_club": Table("modeldata", "lending_club", "Class", "choose"),
    "phishing": Table("river", "phishing.csv.gz", "is_phishing", "choose"),
    "vehicle": Table("mlbench", "Vehicle", "Class", "choose"),
    "satellite": Table("mlbench", "Satellite", "classes", "choose"),
    "segment": Table("river", "segment.csv.zip", "category", "choose"),
    "hpc": Table("modeldata", "hpc_data", "class", "choose"),
    "boston": Table("mlbench", "BostonHousing", "medv", "choose"),
    "ames": Table("modeldata", "ames", "Sale_Price", "choose"),
    "bikeshare": Table("ISLP", "Bikeshare", "bikers", "choose", ("casual", "registered")),
    "wage": Table("ISLP", "Wage", "wage", "choose", ("logwage",)),
    "concrete": Table("modeldata", "concrete", "compressive_strength", "choose"),
    "credit": Table("modeldata", "credit_data", "Status", "compare"),
    "churn": Table("modeldata", "mlc_churn", "churn", "compare"),
    "telecom_churn": Table("modeldata", "wa_churn", "churn", "compare"),
    "stackoverflow": Table("modeldata", "stackoverflow", "Remote", "compare"),
    "default": Table("ISLP", "Default", "default", "compare"),
    "sonar": Table("mlbench", "Sonar", "Class", "compare"),
    "musk": Table("kernlab", "musk", "Class", "compare"),
    "ionosphere": Table("mlbench", "Ionosphere", "Class", "compare"),
    "vowel": Table("mlbench", "Vowel", "Class", "compare"),
    "income": Table("kernlab", "income", "INCOME", "compare"),
    "sacramento": Table("modeldata", "Sacramento", "price", "compare"),
    "college": Table("ISLP", "College", "Grad.Rate", "compare"),
    "cars": Table("modeldata", "car_prices", "Price", "compare"),
    "carseats": Table("ISLP", "Carseats", "Sales", "compare"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    fetch(packages)
    for name, table in TABLES.items():
        frame = read(packages, table)
        frame = frame.drop(columns=list(table.drop)).dropna(subset=[table.target])
        frame.to_parquet(folder / f"{name}.parquet", index=False)
        print(
            f"{name:14} {frame.shape[0]:6} x {frame.shape[1] - 1:3}  to {table.use} {table.target}"
        )
    return 0


def fetch(packages: Path) -> None:
    """Downloads and unpacks what is not there."""
    for name in WHEELS:
        if not any(packages.glob(f"{name.lower()}-*.whl")):
            pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary")
            subprocess.run((*pip, ":all:", "--dest", str(packages), name), check=True)
    for name in DEBIAN:
        if not any(packages.glob(f"{name}_*.deb")):
            subprocess.run(("apt-get", "download", name), check=True, cwd=packages)
        if not (packages / LIBRARY / name.removeprefix("r-cran-")).is_dir():
            (archive,) = packages.glob(f"{name}_*.deb")
            subprocess.run(("dpkg-deb", "--extract", str(archive), str(packages)), check=True)


def read(packages: Path, table: Table) -> pd.DataFrame:
    """A table as it stands in its package, with names of columns as text."""
    if table.package in WHEELS:
        frame = read_wheel(packages, table)
    else:
        frame = read_r(packages / LIBRARY / table.package / "data", table.name)
    return frame.rename(columns=str).reset_index(drop=True)


def read_wheel(packages: Path, table: Table) -> pd.DataFrame:
    (path,) = packages.glob(f"{table.package.lower()}-*.whl")
    folder, suffix = ("river/datasets/", "") if table.package == "river" else ("ISLP/data/", ".csv")
    with zipfile.ZipFile(path) as wheel:
        content = wheel.read(f"{folder}{table.name}{suffix}")
    if table.name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as inner:
            content = inner.read(inner.namelist()[0])
    if table.name.endswith(".gz"):
        content = gzip.decompress(content)
    return pd.read_csv(io.BytesIO(content))


def read_r(folder: Path, name: str) -> pd.DataFrame:
    """A data set of an R package: a file of its own, or a part of the package's one database.

    Source: R Internals, "Serialization formats", and R's makeLazyLoadDB.
    """
    import rdata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes that rdata does not know come as what they hold
        if (path := folder / f"{name}.rda").is_file():
            return plain(rdata.read_rda(path)[name])
        index = rdata.conversion.convert(
            rdata.parser.parse_data(gzip.decompress((folder / "Rdata.rdx").read_bytes()))
        )
        start, length = (int(number) for number in index["variables"][name])
        chunk = (folder / "Rdata.rdb").read_bytes()[start : start + length]
        return plain(rdata.conversion.convert(rdata.parser.parse_data(unpacked(chunk))))


def unpacked(chunk: bytes) -> bytes:
    """The bytes behind their length, which R packs in one of three ways."""
    (length,) = struct.unpack(">I", chunk[:4])
    kind, body = chunk[4:5], chunk[5:]
    if kind == b"2":
        content = bz2.decompress(body)
    elif kind == b"Z":
        filters: list[dict[str, Any]] = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
        content = lzma.decompress(body, format=lzma.FORMAT_RAW, filters=filters)
    else:
        content = zlib.decompress(chunk[4:])
    if len(content) != length:
        raise SystemExit(f"a data set of {len(content)} bytes, where {length} are said")
    return content


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with categories as text, as a file has them."""
    texts = frame.select_dtypes("category").columns
    return frame.astype(dict.fromkeys(texts, object)).convert_dtypes(
        convert_integer=False, convert_boolean=False, convert_floating=False
    )


if __name__ == "__main__":
    sys.exit(main())
