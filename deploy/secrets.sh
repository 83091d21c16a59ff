#!/bin/sh
# Makes the secrets of compose.yaml in ./secrets, once: what is there stays. Slack's two tokens are read from standard
# input, a line each, so that they stand in no argument list and no history.
#   ./secrets.sh            asks for them
#   ./secrets.sh < FILE     takes them from a file
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

# The folder is closed to other users of this machine; the files are not, since a container reads them as another user.
keep() {
    if [ -s "secrets/$1" ]; then
        return
    fi
    printf '%s' "$2" >"secrets/$1"
    chmod 0444 "secrets/$1"
    echo "made secrets/$1"
}

random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

token() {
    if [ -s "secrets/$1" ]; then
        return
    fi
    if [ -t 0 ]; then
        printf '%s (%s…): ' "$1" "$2" >&2
    fi
    read -r line || line=
    case $line in
    "$2"*) keep "$1" "$line" ;;
    *)
        echo "secrets/$1 is still missing: it begins with $2" >&2
        exit 1
        ;;
    esac
}

keep leancloud-app-key "$(random)"
keep leancloud-master-key "$(random)"
keep grafana-password "$(random)"
keep postgres-password "$(random)"
keep database-url "postgresql://imbridge:$(cat secrets/postgres-password)@postgres:5432/imbridge"
token slack-bot-token xoxb-
token slack-app-token xapp-
