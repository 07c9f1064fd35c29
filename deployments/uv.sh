#!/usr/bin/env bash
# Runs uv with the given arguments; where the machine has none, pip first fetches it into .uv/.
# For FLAVOUR=cpu it sees to it that uv finds a CPU build of torch; both variables can be set from outside:
#   UV_FIND_LINKS       extra wheel folders; default: pip's own, PIP_FIND_LINKS
#   UV_TORCH_BACKEND    which of torch's indexes uv asks; default without wheel folders: the one of CPU builds
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# For cuda pip's folders are left out: a CPU build of torch in one of them would win over the CUDA build.
if [ "${FLAVOUR:-cpu}" = cpu ]; then
    links=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}
    if [ -n "$links" ]; then
        export UV_FIND_LINKS=${links// /,}
    else
        export UV_TORCH_BACKEND=${UV_TORCH_BACKEND:-cpu}
    fi
fi

if [ -x "$root/.uv/bin/uv" ]; then PATH="$root/.uv/bin:$PATH"; fi
# Run it rather than look it up: a version manager's stand-in is on PATH even where it starts nothing.
if ! uv --version >/dev/null 2>&1; then
    # Into a folder of its own, which works where pip must not touch the system's Python (PEP 668), too.
    if ! PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 \
        python3 -m pip install --quiet --target "$root/.uv" 'uv>=0.9' >&2; then
        echo "set-up: uv is missing and python3 -m pip could not install it; install uv, then try again" >&2
        exit 1
    fi
    PATH="$root/.uv/bin:$PATH"
fi
exec uv "$@"
