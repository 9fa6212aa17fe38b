#!/bin/sh
# Healthy: the process runs, and the file it writes changes.
set -eu
kill -0 "$(cat "$RADIO_STATE/pid")"
before=$(cat "$RADIO_STATE/heartbeat")
sleep 0.5
[ "$before" != "$(cat "$RADIO_STATE/heartbeat")" ]
