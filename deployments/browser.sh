#!/usr/bin/env bash
# Makes sure that Chromium is there: the tests open the report in it. Quick where it is.
set -euo pipefail
if command -v chromium >/dev/null; then exit 0; fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "browser: the tests of the report need the command chromium: install it (Debian: sudo apt-get install chromium)" >&2
    exit 1
fi
echo "browser: installing Chromium" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends chromium >&2
command -v chromium >/dev/null
