#!/usr/bin/env bash
# Compiles requirements/*.in into fully pinned *.txt files; pins that still fit stay (argument -U: take the newest).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../requirements"

# No header, index or folder of the machine that compiles; wheels for any recent Linux on x86-64.
compile() {
    echo "compiling requirements/$1" >&2
    ../deployments/uv.sh pip compile --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        --python-version 3.11 --python-platform x86_64-manylinux_2_28 --output-file "$@" >/dev/null
}

FLAVOUR=cpu compile cpu.txt cpu.in --override overrides.txt --override overrides-cpu.txt "$@"
# The plain version, so that any source of a CPU build will do.
sed -i 's/^\(torch==[0-9.]*\)+cpu$/\1/' cpu.txt
# Starting from the CPU pins keeps what both flavours share the same; the rest starts from its own, unless all is new.
own=""
if [[ $# == 0 ]]; then own=$(grep -v "$(sed -n 's/^\([^=]*==\).*/^\1/p' cpu.txt)" cuda.txt || true); fi
printf '%s\n' "$(cat cpu.txt)" "$own" >cuda.txt
FLAVOUR=cuda compile cuda.txt cuda.in --override overrides.txt
FLAVOUR=cuda compile dev.txt dev.in --constraint cpu.txt --constraint cuda.txt "$@"
