# shellcheck shell=bash
# A small federation of real processes: the broker's four roles and three agents. Sourced by demo.sh and tests/flow.
#
#   world_start BIN DIR   makes keys, settings and records in DIR, starts everything, admits everybody
#   world_stop DIR        ends what runs in DIR
#
# After world_start these are set: W (the directory), BIN, PORTAL_URL, CA_FILE, LOG_VKEY, CORE_OPERATOR_SOCK,
# SERVICE_SOCK, CITY_SOCK, COUNTY_SOCK, CITY_PORT, SUPERVISOR_PID. The city's labour-market board is a client of its own,
# with a bearer token on the loopback port. DIR must be short: it holds Unix sockets.

FEDERATION=plan.example
SERVICE=0007:2029990005
CITY=0007:2129990004
COUNTY=0192:310999008
GUIDANCE=$SERVICE/guidance
EDUCATION=$CITY/adult-education
LABOUR=$CITY/labour-market
CAREER=$COUNTY/career

world_free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# world_wait SECONDS COMMAND...: until the command succeeds.
world_wait() {
    local deadline=$(($(date +%s%N) + $1 * 1000000000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s%N)" -lt $deadline ] || return 1
        # A short pause between two looks at a condition, not a guess at how long something takes.
        read -r -t 0.05 <> <(:) || true
    done
}

world_broker() { "$BIN/sluss-broker" "$@" --settings "$W/run.conf"; }

world_keys() {
    (umask 077 && head -c 64 /dev/urandom >"$W/keys/credential")
    "$BIN/sluss-broker" keygen "$W/keys" &&
        "$BIN/sluss" keys new --kind pepper --out "$W/keys/pepper" &&
        "$BIN/sluss" keys new --kind authority --credential "$W/keys/credential" --out "$W/keys/authority1" &&
        "$BIN/sluss" keys new --kind authority --credential "$W/keys/credential" --out "$W/keys/authority2" &&
        "$BIN/sluss" keys certificate --ca --subject "$FEDERATION" --out-certificate "$W/ca.crt" --out-key "$W/keys/ca.key" &&
        world_certificate gate && world_certificate portal &&
        world_member_keys service guidance && world_member_keys city adult-education labour-market &&
        world_member_keys county career || return 1
    AUTHORITY1=$(world_public authority1) AUTHORITY2=$(world_public authority2)
}

world_public() { "$BIN/sluss" keys show "$W/keys/$1" --credential "$W/keys/credential" --name sign; }

world_certificate() {
    "$BIN/sluss" keys certificate --subject "$1" --name 127.0.0.1 --name localhost --ca-certificate "$W/ca.crt" \
        --ca-key "$W/keys/ca.key" --out-certificate "$W/$1/tls.crt" --out-key "$W/$1/tls.key"
}

world_member_keys() {
    local name=$1 unit units=()
    shift
    for unit in "$@"; do units+=(--unit "$unit"); done
    "$BIN/sluss" keys new --kind member "${units[@]}" --pepper "$W/keys/pepper" --credential "$W/keys/credential" \
        --out "$W/$name/member.keys" &&
        "$BIN/sluss" keys certificate --subject "$name" --out-certificate "$W/$name/link.crt" --out-key "$W/$name/link.key"
}

world_broker_settings() {
    cat >"$W/keyd.conf" <<EOT
federation = "$FEDERATION"
keys = "keys/keyd.keys"
credential = "keys/keyd.credential"
state_dir = "keyd"
socket = "run/keyd.sock"
authority = {"$AUTHORITY1", "$AUTHORITY2"}
authority_threshold = 2
EOT
    cat >"$W/core.conf" <<EOT
federation = "$FEDERATION"
store_dir = "core/store"
shred_file = "core/shred"
credential = "keys/core.credential"
keyd_socket = "run/keyd.sock"
gate_socket = "run/gate.sock"
portal_socket = "run/portal.sock"
operator_socket = "run/operator.sock"
authority = {"$AUTHORITY1", "$AUTHORITY2"}
authority_threshold = 2
map_mib = 4096
EOT
    cat >"$W/gate.conf" <<EOT
listen = {"127.0.0.1"}
port = $GATE_PORT
certificate = "gate/tls.crt"
private_key = "gate/tls.key"
core_socket = "run/gate.sock"
EOT
    cat >"$W/portal.conf" <<EOT
address = "127.0.0.1"
port = $PORTAL_PORT
public_url = "$PORTAL_URL"
certificate = "portal/tls.crt"
private_key = "portal/tls.key"
core_socket = "run/portal.sock"
EOT
    cat >"$W/run.conf" <<EOT
keyd = "keyd.conf"
core = "core.conf"
gate = "gate.conf"
portal = "portal.conf"
operator_socket = "run/operator.sock"
EOT
}

# world_agent_settings NAME MEMBER UNIT...: the first unit's client is this user; a second unit's client has a token.
world_agent_settings() {
    local name=$1 member=$2 unit
    shift 2
    cat >"$W/$name/agent.conf" <<EOT
federation = "$FEDERATION"
member = "$member"
keys = "member.keys"
credential = "../keys/credential"
shred = "shred"
store = "store"
store_map_bytes = 4294967296
gate = "127.0.0.1:$GATE_PORT"
gate_ca = "../ca.crt"
link_certificate = "link.crt"
link_key = "link.key"
link_socket = "link/nng.sock"
public_url = "$PORTAL_URL"
authority = {"$AUTHORITY1", "$AUTHORITY2"}
authority_threshold = 2
socket = "api.sock"
client "case-system" {
    uid = $(id -u)
    units = {"$1"}
    may = {"publish", "read", "request", "enrol", "revoke", "erase"}
}
EOT
    for unit in "$@"; do echo "unit \"$unit\" {}" >>"$W/$name/agent.conf"; done
    [ $# -lt 2 ] && return
    (umask 077 && head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"$W/$name/token")
    cat >>"$W/$name/agent.conf" <<EOT
port = $CITY_PORT
client "second-board" {
    token_file = "token"
    units = {"$2"}
    may = {"publish", "read", "request", "revoke"}
}
EOT
}

world_descriptions() {
    cat >"$W/service.json" <<EOT
{"federation":"$FEDERATION","member":"$SERVICE","names":{"sv":"Statens arbetsservice","nb":"Statens arbetsservice","en":"State employment service"},
 "units":[{"id":"guidance","names":{"sv":"Vägledningen","nb":"Veiledningen","en":"Guidance"}}],
 "witness":"agent.service.example","identifies_people":true,"contact":"drift@service.example"}
EOT
    cat >"$W/city.json" <<EOT
{"federation":"$FEDERATION","member":"$CITY","names":{"sv":"Norrå kommun","nb":"Norrå kommune","en":"Norrå municipality"},
 "units":[{"id":"adult-education","names":{"sv":"Vuxenutbildningsnämnden","nb":"Nemnd for voksenopplæring","en":"Adult education board"}},
          {"id":"labour-market","names":{"sv":"Arbetsmarknadsnämnden","nb":"Arbeidsmarkedsnemnda","en":"Labour market board"}}],
 "witness":"agent.city.example","identifies_people":false,"contact":"drift@city.example"}
EOT
    cat >"$W/county.json" <<EOT
{"federation":"$FEDERATION","member":"$COUNTY","names":{"sv":"Fjelldal fylkeskommun","nb":"Fjelldal fylkeskommune","en":"Fjelldal county"},
 "units":[{"id":"career","names":{"sv":"Karriärcentrum","nb":"Karrieresenteret","en":"Career centre"}}],
 "witness":"agent.county.example","identifies_people":false,"contact":"drift@county.example"}
EOT
    cat >"$W/rules.json" <<EOT
{"federation":"$FEDERATION","purposes":{"joint_plan":{"sv":"Gemensam planering av din väg till arbete eller studier",
 "nb":"Felles planlegging av veien din til arbeid eller utdanning","en":"Joint planning of your way to work or studies"}},
 "longest_consent":"P365D","most_sources":8,"most_pending":16,"cosignatures":1,"witnesses":[]}
EOT
    cat >"$W/agreement.json" <<EOT
{"federation":"$FEDERATION","units":["$GUIDANCE","$EDUCATION","$LABOUR","$CAREER"],
 "kinds":["assessment","goal","activity","study_plan","decision","referral","event","validation","follow_up"],
 "purposes":["joint_plan"],"longest_consent":"P180D","attesters":["$SERVICE"],"self_read_attesters":["$SERVICE"],
 "legal_note":"Överenskommelse om gemensam planering; sekretess hävs av den enskilde."}
EOT
}

# world_admit TYPE OBJECT: two authority keys sign, the operator admits.
world_admit() {
    world_broker directory-head >"$W/head.json" &&
        "$BIN/sluss" authority admit --type "$1" --object "$2" --federation "$FEDERATION" --head "$W/head.json" \
            --key "$W/keys/authority1" --credential "$W/keys/credential" --out "$W/entry" &&
        "$BIN/sluss" authority sign "$W/entry" --key "$W/keys/authority2" --credential "$W/keys/credential" --out "$W/entry" &&
        world_broker admit "$W/entry" >/dev/null
}

world_records() {
    local name
    world_descriptions
    world_broker identity >"$W/identity.json" &&
        "$BIN/sluss" authority epoch --identity "$W/identity.json" --authority "$AUTHORITY1" --authority "$AUTHORITY2" \
            --threshold 2 --out "$W/epoch.record" && world_admit epoch "$W/epoch.record" || return 1
    "$BIN/sluss" rules make --in "$W/rules.json" --out "$W/rules.record" && world_admit rules "$W/rules.record" || return 1
    for name in service city county; do
        "$BIN/sluss" member make --in "$W/$name.json" --keys "$W/$name/member.keys" --certificate "$W/$name/link.crt" \
            --credential "$W/keys/credential" --out "$W/$name.record" && world_admit member "$W/$name.record" || return 1
    done
    "$BIN/sluss" agreement make --in "$W/agreement.json" --keys "$W/service/member.keys" \
        --credential "$W/keys/credential" --out "$W/agreement.record" || return 1
    for name in city county; do
        "$BIN/sluss" agreement sign --in "$W/agreement.record" --keys "$W/$name/member.keys" \
            --credential "$W/keys/credential" --out "$W/agreement.record" || return 1
    done
    world_admit agreement "$W/agreement.record"
    LOG_VKEY=$(jq -r .log_vkey "$W/identity.json")
}

world_start_broker() {
    "$BIN/sluss-broker" run --single-user --settings "$W/run.conf" >>"$W/broker.log" 2>&1 </dev/null &
    SUPERVISOR_PID=$!
    echo "$SUPERVISOR_PID" >"$W/supervisor.pid"
    world_wait 30 world_broker status
}

world_stop_broker() {
    local pid
    pid=$(cat "$W/supervisor.pid" 2>/dev/null) || return 0
    kill -TERM "$pid" 2>/dev/null
    world_wait 20 world_gone "$pid"
}

world_gone() { ! kill -0 "$1" 2>/dev/null; }

world_start_agent() {
    "$BIN/sluss-agent" --settings "$W/$1/agent.conf" >>"$W/$1/agent.log" 2>&1 </dev/null &
    echo $! >"$W/$1/agent.pid"
}

world_stop_agent() {
    local pid
    pid=$(cat "$W/$1/agent.pid" 2>/dev/null) || return 0
    kill -TERM "$pid" 2>/dev/null
    world_wait 10 world_gone "$pid"
}

# The link is up and the directory is whole.
world_agent_ready() {
    local health
    health=$(curl -sf --unix-socket "$W/$1/api.sock" http://agent/healthz) &&
        jq -e '.link.up and .directory_sequence >= 6' <<<"$health" >/dev/null
}

world_agents_ready() {
    local name
    for name in service city county; do world_wait 20 world_agent_ready "$name" || return 1; done
}

# The pid of a role below the supervisor.
world_role_pid() { pgrep -P "$(cat "$W/supervisor.pid")" -f "exe $1 " || pgrep -P "$(cat "$W/supervisor.pid")" -f " $1 --settings"; }

world_start() {
    BIN=$1 W=$2
    local dir name
    mkdir -p "$W" && chmod 700 "$W"
    for dir in keys run keyd core core/store gate portal service city county service/link city/link county/link; do
        mkdir -p -m 700 "$W/$dir"
    done
    GATE_PORT=$(world_free_port) PORTAL_PORT=$(world_free_port) CITY_PORT=$(world_free_port)
    PORTAL_URL=https://127.0.0.1:$PORTAL_PORT
    CA_FILE=$W/ca.crt CORE_OPERATOR_SOCK=$W/run/operator.sock
    SERVICE_SOCK=$W/service/api.sock CITY_SOCK=$W/city/api.sock COUNTY_SOCK=$W/county/api.sock
    world_keys || return 1
    world_broker_settings
    world_agent_settings service "$SERVICE" guidance
    world_agent_settings city "$CITY" adult-education labour-market
    world_agent_settings county "$COUNTY" career
    world_start_broker && world_records || return 1
    for name in service city county; do world_start_agent "$name"; done
    world_agents_ready
}

world_stop() {
    W=$1
    local name
    for name in service city county; do world_stop_agent "$name"; done
    world_stop_broker
}
