#!/bin/sh
# Checks every shell script that git tracks, or would: `dash -n` for POSIX syntax, shellcheck for mistakes.
set -eu
cd "$(dirname "$0")/.."

list=$(mktemp)
trap 'rm -f "$list"' EXIT
git ls-files --cached --others --exclude-standard | sort -u | while IFS= read -r file; do
  if [ ! -f "$file" ]; then continue; fi
  case $file in
    # What the script of each of these layouts is made of is checked by test/interop/layout-script.test.ts, for BIOS and for UEFI.
    test/golden/layouts/*) ;;
    *.sh) echo "$file" ;;
    *) if head -n 1 "$file" | LC_ALL=C grep -aq '^#! */bin/sh'; then echo "$file"; fi ;;
  esac
done >"$list"

failed=0
while IFS= read -r file; do
  if ! dash -n "$file"; then failed=1; fi
done <"$list"

if command -v shellcheck >/dev/null 2>&1; then
  while IFS= read -r file; do
    if ! shellcheck -s sh "$file"; then failed=1; fi
  done <"$list"
elif [ "${CI:-}" = true ]; then
  echo "shellcheck is not installed" >&2
  failed=1
else
  echo "shellcheck is not installed: only the syntax was checked" >&2
fi

echo "$(wc -l <"$list") shell scripts checked"
exit "$failed"
