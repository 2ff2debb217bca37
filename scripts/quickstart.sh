#!/usr/bin/env bash
# Installs lepton into .venv, trains a credit-scoring model and two others over five seeds, prints the table.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
SCRIPT=scripts/quickstart.sh bash scripts/install.sh report

echo "Training three models on the German credit data, five seeds each ..."
exec .venv/bin/lepton train -m experiment=credit_scoring model=linear,mlp_small,gradient_boosting 'seed=range(5)' study=quickstart
