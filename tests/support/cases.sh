# For tests/flow/run and tests/fault/run: runs cases one after the other, counts, prints the closing line.
# Sourced; the caller has set `here` to the directory of its scripts.

cases_root=$(cd "$here/../.." && pwd)
cases_build=$cases_root/build/release
cases_long=0
cases_names=""
cases_passed=0
cases_failed=0
cases_skipped=0
# Sockets lie below it, and a socket's path has at most 107 bytes.
cases_work=$(mktemp -d /tmp/sluss-cases-XXXXXX)
trap 'rm -rf "$cases_work"' EXIT

cases_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        --build)
            [ $# -gt 1 ] || { echo "--build: which directory?" >&2; exit 2; }
            cases_build=$(cd "$2" && pwd) || exit 2
            shift 2
            ;;
        --long) cases_long=1; shift ;;
        -*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
        *) cases_names="$cases_names $1"; shift ;;
        esac
    done
    export SLUSS_BUILD=$cases_build
    cases_seconds=900
    [ "$cases_long" -eq 1 ] && cases_seconds=3600
}

# The first number, or in the long run the second.
rounds() { [ "$cases_long" -eq 1 ] && echo "$2" || echo "$1"; }

# A program of tests/flow, in a directory of its own that it makes.
program() {
    local name=$1
    shift
    timeout --kill-after=30 "$cases_seconds" "$cases_build/tests/flow_$name" --broker "$cases_build/sluss-broker" \
        --dir "$cases_work/w" "$@"
}

cases_wanted() {
    [ -z "$cases_names" ] && return 0
    case " $cases_names " in
    *" $1 "*) return 0 ;;
    *) return 1 ;;
    esac
}

# name, exit status, log: adds the case's own counts, or one.
cases_count() {
    local counts passed failed
    counts=$(grep -Eo '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$3" | tail -1)
    passed=$(echo "$counts" | sed -nE 's/^([0-9]+) passed.*/\1/p')
    failed=$(echo "$counts" | sed -nE 's/.*passed, ([0-9]+) failed.*/\1/p')
    if [ "$2" -eq 77 ]; then
        cases_skipped=$((cases_skipped + 1))
        echo "skipped  $1: $(tail -n 1 "$3")"
        return
    fi
    if [ -z "$counts" ]; then
        passed=0 failed=0
        [ "$2" -eq 0 ] && passed=1
    fi
    # A bad end counts even when the case says that nothing failed.
    [ "$2" -ne 0 ] && [ "$failed" -eq 0 ] && failed=1
    cases_passed=$((cases_passed + passed))
    cases_failed=$((cases_failed + failed))
    if [ "$failed" -gt 0 ]; then
        echo "FAILED   $1 (exit $2)"
        tail -n 40 "$3"
        [ -f "$cases_work/w/broker.log" ] && tail -n 20 "$cases_work/w/broker.log"
    else
        echo "passed   $1 ($passed)"
    fi
}

cases_one() {
    local name=$1 log=$cases_work/log verdict=0
    shift
    cases_wanted "$name" || return 0
    rm -rf "$cases_work/w"
    "$@" >"$log" 2>&1 </dev/null || verdict=$?
    cases_count "$name" "$verdict" "$log"
}

cases_script() {
    mkdir -p "$cases_work/w"
    SLUSS_WORK=$cases_work/w timeout --kill-after=30 "$cases_seconds" "$1"
}

cases_scripts() {
    local script
    for script in "$1"/[0-9][0-9]-*.sh; do
        [ -e "$script" ] || continue
        cases_one "$(basename "$script" .sh)" cases_script "$script"
    done
}

cases_functions() {
    local name
    for name in "$@"; do
        cases_one "$name" "run_$name"
    done
}

cases_end() {
    if [ "$cases_skipped" -gt 0 ]; then
        echo "$cases_passed passed, $cases_failed failed, $cases_skipped skipped"
    else
        echo "$cases_passed passed, $cases_failed failed"
    fi
    [ "$cases_failed" -eq 0 ]
}
