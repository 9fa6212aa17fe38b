#!/bin/sh
# The service: writes the time into a file until it is stopped.
set -eu
. ./radio.conf
while :; do
    date +%s%N > "$RADIO_STATE/heartbeat"
    sleep "$INTERVAL"
done
