#!/bin/sh
# Runs the tests from a fresh clone to the end: sets the machine up, then tests, the quick ones first, and checks beside them.
#
#   sh test/run.sh core    checks, unit tests, tests with real programs, the core of the lab
#   sh test/run.sh lab     the same with the whole lab
set -eu
cd "$(dirname "$0")/.."

case ${1:-} in
  core)
    project=lab-core
    # Random tests repeat less here; `npm run test:lab` has their full number.
    export INGOT_RUNS="${INGOT_RUNS:-25}" INGOT_KILL_ROUNDS="${INGOT_KILL_ROUNDS:-1}"
    ;;
  lab) project=lab ;;
  *)
    echo "usage: sh test/run.sh core|lab" >&2
    exit 2
    ;;
esac

step() {
  echo "== $*" >&2
  "$@"
}

sh test/setup.sh
# Beside the tests, the longest of which waits for one emulated processor.
(
  step npx biome check --error-on-warnings .
  step sh test/shellcheck.sh
  step npx tsc --noEmit
  step npx knip
) &
checks=$!
status=0
# One run of vitest, so that its summary at the end counts everything; the quick tests come first in it.
step npx vitest run --project unit --project interop --project "$project" || status=$?
wait "$checks" || {
  status=$?
  echo "== one of the checks beside the tests failed: see above" >&2
}
exit "$status"
