#!/usr/bin/env bash
# Installs what it needs, builds, and runs every test.
#
#   ./test.sh              unit tests, corpora, vectors, flow and fault tests, lint: under 15 minutes on two cores
#   ./test.sh --nightly    what takes longer: ThreadSanitizer, long races and kills, fuzzing, valgrind; under 85 minutes
#   ./test.sh --list       the steps, without running them
#   ./test.sh STEP...      only these steps
#
# Each step's output goes to build/test/STEP.log and is shown when the step fails.
set -u
cd "$(dirname "$0")" || exit 1
here=$PWD
. tests/support/packages.sh

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }

day_steps="asan clang unit vectors flow fault lint"
night_steps="tsan unit_tsan races kills fuzz valgrind spin"
steps=$day_steps
case "${1:-}" in
--help | -h) usage; exit 0 ;;
--list) printf '%s\n' "$day_steps" "--nightly: $night_steps"; exit 0 ;;
--nightly) steps="asan clang $night_steps" ;;
-*) usage >&2; exit 2 ;;
?*) steps="$*" ;;
esac

export SLUSS_TEST_ROOT=$here
logs=$here/build/test
mkdir -p "$logs"
jobs=$(nproc)
passed=0
failed=0
skipped=0
failures=""

# ---- steps: each prints to its log and returns its verdict ----

configure_and_build() {
    cmake --preset "$1" && cmake --build "build/$1" -j "$jobs"
}
step_asan() { configure_and_build asan; }
step_clang() { CFLAGS=-Werror configure_and_build clang; }
step_tsan() { configure_and_build tsan; }

# ctest's closing lines give the counts.
run_ctest() {
    ctest --test-dir "build/$1" --output-on-failure --no-tests=error -j "$jobs" "${@:2}"
}
step_unit() { run_ctest asan; }
step_unit_tsan() { TSAN_OPTIONS=halt_on_error=1 run_ctest tsan; }

step_vectors() { tests/vectors/check; }
step_lint() { tests/lint.sh; }
step_flow() { tests/flow/run --build build/clang; }
step_fault() { tests/fault/run --build build/clang; }
step_races() { tests/flow/run --build build/clang --long; }
step_kills() { tests/fault/run --build build/clang --long; }
step_fuzz() { tests/fuzz/run --seconds 60; }
step_valgrind() { tests/support/valgrind.sh; }
step_spin() { tests/model/run; }

# ---- running them ----

count_log() {
    local log=$1 counts
    # "N passed, N failed[, N skipped]" of our own runners; ctest's "X% tests passed, N tests failed out of M".
    counts=$(grep -Eo '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -1)
    if [ -n "$counts" ]; then
        passed=$((passed + $(echo "$counts" | grep -Eo '^[0-9]+')))
        failed=$((failed + $(echo "$counts" | sed -E 's/.*passed, ([0-9]+) failed.*/\1/')))
        skipped=$((skipped + $(echo "$counts" | sed -nE 's/.*, ([0-9]+) skipped/\1/p' | grep . || echo 0)))
        return
    fi
    counts=$(sed -nE 's/^[0-9]+% tests passed, ([0-9]+) tests failed out of ([0-9]+)/\1 \2/p' "$log" | tail -1)
    if [ -n "$counts" ]; then
        failed=$((failed + ${counts% *}))
        passed=$((passed + ${counts#* } - ${counts% *}))
    elif [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    fi
}

run_step() {
    local step=$1 log=$logs/$1.log start=$SECONDS verdict=0 before=$failed
    [ -t 2 ] && printf '%-10s ...\r' "$step" >&2
    "step_$step" >"$log" 2>&1 </dev/null || verdict=$?
    count_log "$log" "$verdict"
    if [ "$verdict" -ne 0 ] || [ "$failed" -gt "$before" ]; then
        [ "$failed" -gt "$before" ] || failed=$((failed + 1))
        failures="$failures $step"
        printf '%-10s FAILED after %d s; the end of %s:\n' "$step" $((SECONDS - start)) "$log"
        tail -n 60 "$log"
        return
    fi
    printf '%-10s %4d s\n' "$step" $((SECONDS - start))
}

# shellcheck disable=SC2086
case "$steps" in
*tsan* | *fuzz*) packages_install $build_packages $run_packages $test_packages $nightly_packages || exit 1 ;;
*) packages_install $build_packages $run_packages $test_packages || exit 1 ;;
esac
for step in $steps; do
    declare -F "step_$step" >/dev/null || { usage >&2; exit 2; }
    run_step "$step"
done
[ -n "$failures" ] && echo "failed steps:$failures"
if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
