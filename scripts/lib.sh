# lib.sh - what the scripts share. Sourced, never run.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"
	elif command -v sudo >/dev/null; then sudo "$@"
	else die "root rights are needed for: $* (run as root or install sudo)"; fi
}

# A loopback port that nobody listens on. With a number: that port, or a clear error.
port_in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() {
	local port
	for _ in $(seq 200); do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		if ! port_in_use "$port"; then echo "$port"; return; fi
	done
	die "no free loopback port found"
}

# wait_for SECONDS WHAT COMMAND...: runs the command until it succeeds.
wait_for() {
	local limit=$1 what=$2 until
	shift 2
	until=$((SECONDS + limit))
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$until" ] || { say "error: $what did not become ready within ${limit}s"; return 1; }
		sleep 0.1
	done
}

# Reads NAME=value lines into variables without running them as code.
load_env() {
	local line
	while IFS= read -r line; do
		case $line in ''|'#'*) ;; *=*) export "${line%%=*}=${line#*=}" ;; esac
	done < "$1"
}
