#!/usr/bin/env bash
# Checks the form of the sources. Says nothing when all is well; otherwise one line a finding, and exit status 1.
#
#   tests/lint.sh             layout, layers, forbidden calls, sizes
#   tests/lint.sh --nightly   cppcheck and shellcheck as well
#
# Needs clang-format and clang-tidy, and a compilation database in build/clang (made when it is missing).
set -u
cd "$(dirname "$0")/.." || exit 2
for tool in git clang-format clang-tidy; do
    command -v "$tool" >/dev/null || { echo "tests/lint.sh needs $tool" >&2; exit 2; }
done
# Without a listing nothing would be looked at, and nothing found.
[ -n "$(git ls-files -- '*.c')" ] || { echo "tests/lint.sh looks at what git tracks, and git lists nothing here" >&2; exit 2; }
found=$(mktemp) || exit 2
trap 'rm -f "$found"' EXIT

case "${1:-}" in
'' | --nightly) ;;
*) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

# Runs a check; each line that it prints is a finding. $1 says what is wrong with them.
check() {
    local what=$1
    shift
    "$@" | sed "s|\$|  ($what)|" >>"$found"
}

sources() { git ls-files -- '*.c' '*.h'; }

layout() { sources | xargs clang-format --dry-run 2>&1 | grep -E '(warning|error):' | cut -d: -f1,2 | uniq; }

# base <- keys <- proto <- { broker, agent }: a layer sees itself and those below it.
layers() {
    git grep -nE '#include "(keys|proto|broker|agent)/' -- 'base/*.[ch]'
    git grep -nE '#include "(proto|broker|agent)/' -- 'keys/*.[ch]'
    git grep -nE '#include "(broker|agent)/' -- 'proto/*.[ch]'
    git grep -nE '#include "agent/' -- 'broker/*.[ch]'
    git grep -nE '#include "broker/' -- 'agent/*.[ch]'
    git grep -nE '#include "(tests|support)/|#include "[^"]*\.c"' -- '*/*.[ch]' ':!tests'
    git grep -nE '#include "[^"]*\.c"' -- tests
}

only_the_link_knows_nng() { git grep -nE '#include <nng/' -- '*.[ch]' ':!proto/link_*.[ch]' ':!tests'; }
only_the_store_knows_lmdb() { git grep -nE '#include <lmdb' -- '*.[ch]' ':!base/store_lmdb*.[ch]' ':!tests'; }
only_base_knows_the_time() {
    git grep -nE '\b(time|gettimeofday|clock_gettime)\(' -- keys proto broker agent
}

# Key bytes are moved by the functions of base/secret.h and compared by those of their type.
raw_memory_on_keys() {
    git grep -nE '\bmem(cmp|cpy|move|set)\(.*(secret_(data|bytes)\(|(->|\.)(secret|private)\b)' -- '*.c' ':!tests' \
        ':!base/secret.c'
    git grep -nE '\bmemset\(.*(->|\.)b\b' -- '*.c' ':!tests'
    git grep -nE '\bmemcmp\(.*(key|secret|public|signature|proof|tag)[a-z_]*(\[[a-z0-9]*\])?(->|\.)b\b' -- '*.c' \
        ':!tests'
}

# `mktemp` patterns end in six X.
unfinished() { git grep -nE '\b(TODO|FIXME|XXX)\b' -- ':!tests/lint.sh' ':!LICENSE'; }

# tests/support may: the loops that wait for a condition live there.
sleeping_tests() {
    git grep -nE '\b(sleep|usleep|nanosleep|nng_msleep|clock_nanosleep)\(' -- 'tests/*.[ch]' 'tests/*.py' \
        ':!tests/support'
    git grep -nE '(^|[;&|({[:space:]])sleep [0-9.$]' -- 'tests/*.sh' 'tests/*/run' ':!tests/lint.sh' ':!tests/support'
}

unsafe_calls() {
    git grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|system|popen|tmpnam|rand|srand)\(' -- '*.c' ':!tests'
}

structs_without_typedef() { git grep -nE '^typedef (struct|union|enum) [a-z_0-9]* *\{' -- '*.[ch]'; }

long_files() {
    sources | xargs wc -l | awk '$2 != "total" && $1 > 800 { print $2 ": " $1 " lines" }'
}

# Most lines, deepest nesting, files. A TRY counts as one level of nesting of its own.
function_sizes() {
    local config="readability-function-size"
    git ls-files -- "${@:3}" | xargs -r -P "$(nproc)" -n 8 clang-tidy -p build/clang --quiet --checks="-*,$config" \
        --warnings-as-errors=-* --config="{CheckOptions: [{key: $config.LineThreshold, value: $1},
            {key: $config.NestingThreshold, value: $2}, {key: $config.StatementThreshold, value: 100000},
            {key: $config.ParameterThreshold, value: 100}]}" 2>/dev/null |
        grep -E '(warning|error):' | sed "s|^$PWD/||; s| \[.*||"
}

# cppcheck knows neither that TRY leaves before an unset output is read (the sanitizers watch that), nor accept4 without
# an address, nor hexadecimal floating constants.
with_cppcheck() {
    cppcheck --enable=warning,portability --inline-suppr --quiet --library=posix,gnu --template=gcc \
        --suppress=missingInclude --suppress=uninitvar --suppress=internalAstError --suppress=getpwnamCalled \
        --suppress=nullPointer:broker/keyd/* --suppress=incorrectLogicOperator:proto/schema/* \
        -D__cppcheck__=1 -j "$(nproc)" -I. base keys proto broker agent 2>&1 |
        grep -E '(warning|error|portability):'
}

with_shellcheck() {
    { git ls-files -- '*.sh'; git grep -lE '^#!.*\b(ba)?sh$'; } | sort -u | xargs -r shellcheck -S warning -f gcc
}

[ -f build/clang/compile_commands.json ] || cmake --preset clang >/dev/null || exit 2

check "not as clang-format writes it" layout
check "includes what its layer must not see" layers
check "only the link may use nng" only_the_link_knows_nng
check "only the store's engine may use LMDB" only_the_store_knows_lmdb
check "time comes from base/clock.h" only_base_knows_the_time
check "raw memory call on key bytes" raw_memory_on_keys
check "unfinished" unfinished
check "a test waits for a condition, it does not sleep" sleeping_tests
check "unsafe call" unsafe_calls
check "no typedef for a struct" structs_without_typedef
check "longer than 800 lines" long_files
check "at most 80 lines, nesting at most 3" function_sizes 80 4 'base/*.c' 'keys/*.c' 'proto/*.c' 'broker/*.c' \
    'agent/*.c'
# A test's table of cases counts with its function.
check "at most 120 lines, nesting at most 4" function_sizes 120 5 'tests/*.c'
if [ "${1:-}" = --nightly ]; then
    check "cppcheck" with_cppcheck
    check "shellcheck" with_shellcheck
fi

cat "$found"
[ ! -s "$found" ]
