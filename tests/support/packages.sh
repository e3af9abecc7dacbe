# shellcheck shell=bash disable=SC2034
# Debian packages that Sluss needs, and how they are installed. Sourced by demo.sh and test.sh.

build_packages="build-essential cmake ninja-build pkg-config protobuf-c-compiler libprotobuf-c-dev libssl-dev
libsodium-dev libnng-dev liblmdb-dev libevent-dev libjansson-dev libconfuse-dev libseccomp-dev
libcurl4-openssl-dev libcmocka-dev"
run_packages="curl jq openssl ca-certificates"
test_packages="git clang clang-format clang-tidy libclang-rt-14-dev ccache gdb nodejs"
nightly_packages="cppcheck shellcheck valgrind spin"

# Installs those of the named packages that are missing; quiet when there is nothing to do.
packages_install() {
    local missing=()
    local name
    for name in "$@"; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "these packages are missing and this is not root: ${missing[*]}" >&2
            return 1
        }
        as_root=(sudo)
    fi
    echo "installing: ${missing[*]}" >&2
    local log
    log=$(mktemp)
    if ! { "${as_root[@]}" apt-get update -qq &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
        >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}
