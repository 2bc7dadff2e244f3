# shellcheck shell=bash disable=SC2154 # program: set by who sources it
# SPDX-License-Identifier: GPL-2.0-only
# The command line of a program where it needs no module: what it takes and what it refuses.
# shellcheck source=tools/selftests/lib/ktap.sh
. "$(dirname "${BASH_SOURCE[0]}")/ktap.sh"

out=$(mktemp -d)
trap 'rm -r "$out"' EXIT
# What the program ends with where it refuses, as a pattern.
refusal=1

# ends STATUS ARGUMENT...: $program ends with that, and says something on the one side only.
ends()
{
	local wanted=$1 status=0
	shift

	timeout 20 "$program" "$@" >"$out/out" 2>"$out/err" || status=$?
	echo "${program##*/} $*: status $status"
	cat "$out/out" "$out/err"
	[[ $status =~ ^($wanted)$ ]] || return 1
	if [ "$status" = 0 ]; then
		[ -s "$out/out" ] && [ ! -s "$out/err" ]
	else
		[ ! -s "$out/out" ] && [ -s "$out/err" ]
	fi
}

# refuses WORDS ARGUMENT...: with a message that has the words.
refuses()
{
	local words=$1
	shift

	ends "$refusal" "$@" && grep -qF -- "$words" "$out/err"
}

# says WORDS ARGUMENT...
says()
{
	local words=$1
	shift

	ends 0 "$@" && grep -qF -- "$words" "$out/out"
}
