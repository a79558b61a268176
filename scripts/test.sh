#!/usr/bin/env bash
# Installs what is missing and runs every check, to the end even where one fails. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/install.sh
install_package dev

failed=()
stage() { # NAME COMMAND...
    printf '\n== %s\n' "$1"
    "${@:2}" || failed+=("$1")
}

stage "ruff check" .venv/bin/python -m ruff check
stage "ruff format" .venv/bin/python -m ruff format --check
stage "mypy" .venv/bin/python -m mypy
stage "import-linter" .venv/bin/lint-imports --no-logo
# All of them, those marked slow or ray too: a plain pytest leaves these out.
stage "pytest" .venv/bin/python -m pytest -n 2 --dist loadfile -m "" --durations=20 "$@"

if ((${#failed[@]})); then
    printf 'FAILED: %s\n' "${failed[@]}" >&2
    exit 1
fi
