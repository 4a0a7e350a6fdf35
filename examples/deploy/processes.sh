#!/bin/sh
# Three processes of a site, for the balancer of haproxy.cfg: sh processes.sh start | restart | stop
set -eu
cd "$(dirname "$0")"

# The port of each, and that of its health checks.
PROCESSES="8001:9001 8002:9002 8003:9003"

start() {
  node_modules/.bin/tsgi --port "${1%:*}" --status "127.0.0.1:${1#*:}" --pid-file "${1%:*}.pid" --drain-delay 1s \
    >>"${1%:*}.log" 2>&1 &
}

is_ready() {
  for _ in $(seq 300); do
    curl --silent --fail --output /dev/null "http://127.0.0.1:${1#*:}/readyz" && return
    sleep 0.1
  done
  echo "processes.sh: ${1%:*} is not ready, see ${1%:*}.log" >&2
  exit 1
}

stop() {
  kill "$(cat "${1%:*}.pid")"
}

is_gone() {
  while [ -e "${1%:*}.pid" ]; do sleep 0.1; done
}

case "${1-}" in
  start)
    for one in $PROCESSES; do start "$one"; done
    for one in $PROCESSES; do is_ready "$one"; done
    ;;
  restart)
    # One after the other: the others serve meanwhile.
    for one in $PROCESSES; do stop "$one" && is_gone "$one" && start "$one" && is_ready "$one"; done
    ;;
  stop)
    for one in $PROCESSES; do stop "$one"; done
    for one in $PROCESSES; do is_gone "$one"; done
    ;;
  *)
    echo "processes.sh: say start, restart or stop" >&2
    exit 2
    ;;
esac
