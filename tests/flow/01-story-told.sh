#!/usr/bin/env bash
# The whole story of the demo, with the programs under test: every chapter checks what it tells.
set -u
cd "$(dirname "$0")/../.." || exit 1
exec ./demo.sh --build "$SLUSS_BUILD"
