#!/bin/sh
# Installs the test oracles of package.json, at its versions, into the folder given. Installed
# already: does nothing. The folder appears whole or not at all.
set -eu
target=${1:?usage: install.sh FOLDER}
source=$(cd "$(dirname "$0")" && pwd)

if cmp -s "$source/package.json" "$target/package.json"; then
  exit 0
fi
partial=$target.partial
rm -rf "$partial"
mkdir -p "$partial"
cp "$source/package.json" "$partial/"
echo "installing test oracles into $target"
if ! npm install --prefix "$partial" --ignore-scripts --no-audit --no-fund --no-package-lock \
    --loglevel=error; then
  rm -rf "$partial"
  echo "oracles: not installed (no network?); the tests that need them will be skipped" >&2
  exit 1
fi
rm -rf "$target"
mv "$partial" "$target"
