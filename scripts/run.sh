#!/usr/bin/env bash
# Installs what is missing and trains the quickstart. Arguments are config overrides: scripts/run.sh seed=2
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/install.sh
install_package

# The markets already fill the cores, and the networks are too small to gain from threads.
export OMP_NUM_THREADS=1
exec .venv/bin/python scripts/train.py experiment=quickstart "$@"
