#!/usr/bin/env bash
# Makes .venv with every pinned package and this project; returns at once where that is done already.
#   FLAVOUR=cpu|cuda    which build of torch and vLLM; default: cuda where nvidia-smi finds a GPU
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
uv=deployments/uv.sh

export FLAVOUR=${FLAVOUR:-$(timeout 20 nvidia-smi -L >/dev/null 2>&1 && echo cuda || echo cpu)}
if [ "$FLAVOUR" != cpu ] && [ "$FLAVOUR" != cuda ]; then
    echo "set-up: FLAVOUR is '$FLAVOUR'; it must be cpu or cuda" >&2
    exit 2
fi

# Two makes at once: the second waits, then finds the work done.
exec 9<deployments/setup.sh
flock 9

# By content, as a fresh checkout has new times; with the path, as a moved environment points at its old place.
pins=("requirements/$FLAVOUR.txt" requirements/dev.txt)
want=$({ echo "$FLAVOUR $PWD"; cat "${pins[@]}" pyproject.toml deployments/setup.sh; } | sha256sum)
# One name a flavour: another flavour starts from nothing, or the other one's torch would stay, of the same version.
stamp=.venv/.set-up-done-$FLAVOUR
whole() { [ -e "$stamp" ] && [ -x .venv/bin/rise ] && .venv/bin/python -c '' 2>/dev/null; }
if whole && [ "$(cat "$stamp")" = "$want" ]; then exit 0; fi

echo "set-up: installing the $FLAVOUR packages into .venv (the first time: minutes and several GB)" >&2
# Without a stamp an earlier install may have been cut off, with half of a package there.
whole || $uv venv --quiet --clear --python 3.11 .venv
rm -f "$stamp"
export VIRTUAL_ENV=$PWD/.venv
# Compiled once here: where the environment forbids writing bytecode, every process would else compile its imports anew.
$uv pip sync --quiet --compile-bytecode "${pins[@]}"
$uv pip install --quiet --no-deps --editable .
# Where uv took a build of torch that does not fit the machine, say so now and not in the middle of a run.
if ! .venv/bin/python -c 'import torch'; then
    echo "set-up: torch does not load; see UV_FIND_LINKS and UV_TORCH_BACKEND in $uv" >&2
    exit 1
fi
echo "$want" >"$stamp"
echo "set-up: done" >&2
