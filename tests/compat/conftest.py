"""What the canaries share: a private part that moved is told in a sentence."""

import platform
from contextlib import contextmanager
from importlib.metadata import version

import pytest


@contextmanager
def _canary(library: str, private_part: str):
    try:
        yield
    except Exception as error:
        message = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        library_version = platform.python_version() if library == "Python" else version(library)
        pytest.fail(
            f"{library} {library_version} has moved: {private_part} is gone or behaves "
            f"otherwise ({message}); mend lepton/compat/",
            pytrace=False,
        )


@pytest.fixture(scope="session")
def canary():
    """Whatever fails inside `with canary(library, private_part)` fails the test with a sentence."""
    return _canary
