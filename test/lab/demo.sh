#!/bin/sh
# The whole story before your eyes: a golden machine is captured, a blank one netboots and is installed from the image, and an
# update reaches it while it runs.
#
#   npm run demo                 and all it made is removed at the end, also after Ctrl-C
#   npm run demo -- --keep       leaves the machines and the daemon running, and says how to look at them
#   npm run demo -- --remove     removes what --keep left
set -eu
cd "$(dirname "$0")/../.."
sh test/setup.sh
# One process, without npx between: Ctrl-C reaches the demonstration once, and its exit code is ours.
exec node --import tsx test/lab/demo.ts "$@"
