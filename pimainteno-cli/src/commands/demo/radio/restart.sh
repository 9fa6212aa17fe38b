#!/bin/sh
# Stops the service if it runs, and starts it.
set -eu
if [ -f "$RADIO_STATE/pid" ]; then
    kill "$(cat "$RADIO_STATE/pid")" 2>/dev/null || true
fi
rm -f "$RADIO_STATE/heartbeat"
setsid ./radio.sh > "$RADIO_STATE/log" 2>&1 < /dev/null &
echo $! > "$RADIO_STATE/pid"
