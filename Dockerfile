# A machine to develop lepton on, with all that its tests need, on the CPU.
#   docker build -t lepton-dev . && docker run --rm -it -v "$PWD":/lepton -v /lepton/.venv lepton-dev bash scripts/test.sh
# No image was built of it yet. Tried were: hadolint 2.15.1, which finds nothing; and, on Debian 12 with Python 3.11, that pip builds lepton and
# resolves the extra dev from the files that are copied before the others.
FROM python:3.12-slim-bookworm

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1

# git: the scripts ask it for the files of the project, also where another user owns what is mounted; chromium: the tests of the report look at it in a browser
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends git chromium && \
    rm -rf /var/lib/apt/lists/* && \
    git config --system --add safe.directory /lepton

# what changes seldom comes first: the packages, of which torch as the build for CPUs
WORKDIR /lepton
COPY scripts/install.sh scripts/constraints.txt scripts/
COPY pyproject.toml README.md LICENSE ./
COPY conf conf
COPY templates templates
COPY lepton lepton
RUN python -m venv .venv && \
    .venv/bin/pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu "$(grep '^torch==' scripts/constraints.txt)" && \
    bash scripts/install.sh dev

COPY . .
CMD ["bash"]
