#!/bin/sh
# The checks: the script parses, and the setting is there.
set -eu
sh -n radio.sh
grep -q '^INTERVAL=' radio.conf
echo "radio.sh parses, radio.conf has an interval"
