# To be sourced: where the tools of tests and builds lie, and how Python's packages get there.
tools=${DOCENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/docent/tools}
mkdir -p "$tools"

# NAME PACKAGES [OPTIONS OF PIP]: a folder of its own for each list of packages, made again when the list changes.
install_python() {
  local folder=$tools/$1 packages=$2
  shift 2
  if [ "$(cat "$folder.installed" 2>/dev/null)" != "$packages" ]; then
    python3 -m venv "$folder"
    # shellcheck disable=SC2086 # a list of words
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" $packages
    echo "$packages" >"$folder.installed"
  fi
}
