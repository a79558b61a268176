# Sourced by run.sh and test.sh in the repository root: makes .venv hold what setup.cfg asks for.

find_python() { # prints the first Python that is new enough
    local candidate
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "marl_market needs Python 3.11 or newer, and none is on the PATH; PYTHON=/path/to/python names one" >&2
    return 1
}

install_package() { # [EXTRA]
    local target=".${1:+[$1]}" stamp=".venv/.installed${1:+-$1}" fingerprint python
    fingerprint=$({ pwd && cat setup.cfg pyproject.toml constraints.txt; } | cksum)
    if [[ -f $stamp && $(<"$stamp") == "$fingerprint" ]]; then
        return
    fi
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        python=$(find_python)
        echo "creating .venv with $python" >&2
        "$python" -m venv .venv
    fi
    local pip_install=(.venv/bin/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt)
    # torch comes first and exact, so that a machine that offers a build of this very release takes that one.
    echo "installing torch" >&2
    "${pip_install[@]}" "$(grep '^torch==' constraints.txt)"
    echo "installing marl_market $target" >&2
    "${pip_install[@]}" --editable "$target"
    # An extra adds to the plain install, which therefore is there too.
    echo "$fingerprint" | tee .venv/.installed >"$stamp"
}
