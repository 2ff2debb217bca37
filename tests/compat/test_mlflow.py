"""MLflow makes its tables when a client is built, wherever its address points."""

import sqlite3
from contextlib import closing

import pytest

from lepton.compat.mlflow import make_database, sqlite_file


def test_the_file_of_an_address_is_found():
    assert sqlite_file("sqlite:///a/mlflow.db").as_posix() == "a/mlflow.db"
    assert sqlite_file("sqlite:////a/mlflow.db?timeout=3").as_posix() == "/a/mlflow.db"
    assert sqlite_file("sqlite:///:memory:") is sqlite_file("http://host") is sqlite_file(3) is None


@pytest.mark.slow  # needs the extra track
@pytest.mark.filterwarnings("default")  # MLflow's own
def test_a_half_made_database_is_set_aside_and_made_whole(tmp_path):
    import mlflow

    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table experiments (name text)")
        connection.commit()
    make_database(path)
    assert (tmp_path / "mlflow.db.broken").exists()
    experiments = mlflow.MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    assert [experiment.name for experiment in experiments] == ["Default"]
    made = path.read_bytes()
    make_database(path)
    assert path.read_bytes() == made
