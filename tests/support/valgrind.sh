#!/usr/bin/env bash
# Unit tests of the layers that hold keys and parse outside bytes, under valgrind's memcheck, on a build without
# sanitizers. Prints "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0
for program in build/clang/tests/{base,keys,proto}_test_*; do
    [ -x "$program" ] || continue
    case $program in
    # These measure locked memory, use seccomp, or wait on real time: not under valgrind.
    *_test_secret | *_test_sandbox | *_test_http | *_test_link* | *_test_splice | *_test_service) continue ;;
    esac
    if timeout 900 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite "$program" \
        >build/valgrind.log 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $program"
        tail -n 25 build/valgrind.log
    fi
done
echo "$passed passed, $failed failed"
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
