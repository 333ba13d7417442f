#!/usr/bin/env bash
# Fuzzes every target of the wire format for a while each: plugins/fuzz.sh 20s
set -euo pipefail
cd "$(dirname "$0")/wire"
for target in $(grep -ho '^func Fuzz[A-Za-z]*' ./*_test.go | cut -d' ' -f2); do
  go test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-10s}" .
done
