#!/bin/sh
# Installs what FROM/package.json names, at its versions, into the folder TO. Installed already:
# does nothing. The folder appears whole or not at all.
set -eu
source=${1:?usage: npm_install.sh FROM TO}
target=${2:?usage: npm_install.sh FROM TO}
name=$(basename "$source")

if cmp -s "$source/package.json" "$target/package.json"; then
  exit 0
fi
partial=$target.partial
rm -rf "$partial"
mkdir -p "$partial"
cp "$source/package.json" "$partial/"
echo "installing $name into $target"
if ! npm install --prefix "$partial" --ignore-scripts --no-audit --no-fund --no-package-lock \
    --loglevel=error; then
  rm -rf "$partial"
  echo "$name: not installed (no npm or no network?); the tests that need them will be skipped" >&2
  exit 1
fi
rm -rf "$target"
mv "$partial" "$target"
