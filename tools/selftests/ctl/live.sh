#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The command vhostx on a module that is loaded, without a guest: what it shows of a device,
# orders, notifications, and what it says to whom it cannot help.
set -u
# shellcheck source=tools/selftests/lib/ctl.sh
. "$(dirname "$0")/../lib/ctl.sh"

need_device
type -P vhostx >/dev/null || ktap_skip_all "no vhostx"
FORBID=/etc/modprobe.d/vhostx-test.conf
trap 'rm -rf "$CTL_OUT" "$FORBID"; modprobe vhostx' EXIT

versions()
{
	[ "$(ctl -V)" = "vhostx $(</sys/module/vhostx/version)" ]
}

# The device that file 5 is.
shown()
{
	ctl dev show && ctl dev show "$id" | grep -q "^$id: state unowned$" &&
		value_is unowned 'v["dev"][0]["state"]' dev show "$id"
}

both_queues()
{
	value_is 2 'len(v["queue"])' queue show "$id" &&
		value_is "rx tx" '" ".join(q["queue"] for q in v["queue"])' queue show "$id"
}

# Text and JSON are of the same call: the text without names is the JSON's values.
text_agrees()
{
	local text json

	text=$(ctl stats show "$id/rx" | grep -oE '[a-z-]+ [0-9.]+' | sort)
	json=$(value '"\n".join(sorted("%s %s" % (k.replace("_", "-"), x) for k, x in
		list(v["stats"][0].items()) + list(v["stats"][0]["drop"].items())
		if k != "dev" and k != "queue" and not isinstance(x, dict)))' \
		stats show "$id/rx")
	echo "$text"
	[ "$(comm -13 <(echo "$text") <(echo "$json" | sort))" = "" ]
}

same_for_nobody()
{
	[ "$(ctl -s queue show)" = "$(ctl_as_nobody -s queue show)" ] &&
		[ "$(ctl dev)" = "$(ctl_as_nobody dev)" ] && [ -n "$(ctl_as_nobody dev)" ]
}

round_trip()
{
	ctl queue set "$id/tx" poll-mode fixed poll-us 40 batch 7 weight 100 coalesce-us 30 \
		coalesce-frames 9 || return 1
	value_is "fixed 40 7 100 30 9" '" ".join(str(v["queue"][0][k]) for k in
		("poll_mode", "poll_us", "batch", "weight", "coalesce_us", "coalesce_frames"))' \
		queue show "$id/tx"
	ctl queue show "$id/tx" | grep -q 'poll-mode fixed poll-us 40 .*batch 7 weight 100'
}

nobody_sets()
{
	refused 2 "CAP_NET_ADMIN" ctl_as_nobody queue set "$id/tx" batch 5 &&
		value_is 7 'v["queue"][0]["batch"]' queue show "$id/tx"
}

# A worker that is no worker of the owner's: there is no owner.
all_or_nothing()
{
	refused 2 "the kernel refuses: " ctl queue set "$id/tx" batch 5 worker 1 &&
		value_is 7 'v["queue"][0]["batch"]' queue show "$id/tx"
}

opened_and_closed()
{
	listen || return 1
	exec 6<>"$VHOST_DEV"
	ctl queue set "$id/rx" batch 11
	exec 6>&-
	listen_end dev-add queue-change dev-del || return 1
	grep -q '"event":"queue-change".*"batch":11' "$CTL_OUT/heard"
}

only_events()
{
	listen events || return 1
	exec 6<>"$VHOST_DEV"
	exec 6>&-
	# A while in which they would have come.
	! listen_end dev-add && [ ! -s "$CTL_OUT/heard" ]
}

heard_fits()
{
	python3 -B "$CTL_SPEC" "$CTL_SCHEMAS" monitor <"$CTL_OUT/heard"
}

top_of_both()
{
	ctl top -b -n 2 >"$CTL_OUT/top" || return 1
	cat "$CTL_OUT/top"
	[ "$(grep -cE "^$id/(rx|tx) " "$CTL_OUT/top")" = 4 ] && ! grep -qE '.{81}' "$CTL_OUT/top"
}

# On a terminal of 80 by 24: sorted anew by s, ended by q.
top_of_screen()
{
	python3 - "$id" <<'END'
import fcntl, os, pty, re, select, struct, sys, termios, time
pid, master = pty.fork()
if not pid:
    os.execvp("vhostx", ["vhostx", "top"])
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
said, end, keys = b"", time.time() + 20, [(b"by queue", b"s"), (b"by pps", b"q")]
while time.time() < end:
    if select.select([master], [], [], 0.2)[0]:
        try:
            part = os.read(master, 4096)
        except OSError:
            break
        if not part:
            break
        said += part
    if keys and keys[0][0] in said:
        os.write(master, keys.pop(0)[1])
status = os.waitpid(pid, 0)[1]
lines = re.sub(rb"\x1b\[[0-9?]*[a-zA-Z]", b"", said).decode().split("\r\n")
print("\n".join(lines))
sys.exit(1 if status or keys or max(map(len, lines)) > 80 or
         not any(line.startswith(sys.argv[1] + "/rx ") for line in lines) else 0)
END
}

no_terminal()
{
	refused 1 "top needs a terminal" ctl top </dev/null
}

checks_for_root()
{
	ctl check >"$CTL_OUT/out"
	local status=$? bad=0

	cat "$CTL_OUT/out"
	# User Mode Linux has no KVM, of which two lines tell.
	[ -c /dev/kvm ] || bad=2
	[ "$status" = $((bad > 0)) ] && [ "$(grep -c '^bad ' "$CTL_OUT/out")" = "$bad" ] &&
		grep -q '^ok    permission: ' "$CTL_OUT/out" &&
		grep -q '^ok    features: .*mrg-rxbuf' "$CTL_OUT/out"
}

checks_for_nobody()
{
	ctl_as_nobody check >"$CTL_OUT/out"
	local status=$?

	cat "$CTL_OUT/out"
	[ "$status" = 1 ] && grep -q '^bad   permission: ' "$CTL_OUT/out" &&
		grep -q 'adduser .* kvm' "$CTL_OUT/out"
}

elsewhere()
{
	refused 2 "host's network namespace only" unshare --net vhostx dev
}

# What is offered for a command line whose last word is unfinished.
offers()
{
	bash -c '. /usr/share/bash-completion/completions/vhostx
		COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vhostx; echo "${COMPREPLY[@]}"' bash "$@"
}

completes()
{
	echo "$(offers vhostx queue show ''), $(offers vhostx queue set "$id/rx" poll)"
	[ "$(offers vhostx wo)" = worker ] &&
		[ "$(offers vhostx dev show '')" = "$id" ] &&
		[ "$(offers vhostx queue show '')" = "$id/rx $id/tx $id" ] &&
		[ "$(offers vhostx -j queue set "$id/rx" poll-m)" = poll-mode ] &&
		[ "$(offers vhostx queue set "$id/rx" poll-mode a)" = adaptive ]
}

# Whoever listens is told, and its end is none of an error.
unloaded()
{
	local status

	listen || return 1
	modprobe -r vhostx || return 1
	wait_for 10 heard gone || return 1
	wait "$listener"
	status=$?
	echo "the monitor ended with status $status"
	[ "$status" = 0 ]
}

# The kernel loads a family that is asked for, by its alias.
asking_loads()
{
	ctl dev && [ -d /sys/module/vhostx ]
}

# Where it may not.
not_loaded()
{
	modprobe -r vhostx
	echo "blacklist vhostx" >"$FORBID"
	refused 2 "the module is not loaded; try: modprobe vhostx" ctl dev &&
		! ctl check >"$CTL_OUT/out" && grep -q 'modprobe vhostx' "$CTL_OUT/out"
}

ktap_plan 31
check "command and module are of one version" versions
exec 5<>"$VHOST_DEV"
id=$(value 'v["dev"][-1]["id"]' dev show)
check "a device is shown" shown
check "and its queues" both_queues
check "text and JSON say the same" text_agrees
check "to an ordinary user as well" same_for_nobody
check_schema dev dev show
check_schema queue queue show
check_schema queue -s queue show "$id/rx"
check_schema stats stats
check_schema worker worker show
check_schema top top -n 2
check_schema check check
check "a device that is not there" refused 2 "no device has this id" ctl dev show 77
check "a worker that is not there" refused 2 "no worker has this thread id" ctl worker show 1
check "queues that are not there" refused 2 "there is no device 77" ctl queue show 77
check "orders to a queue hold" round_trip
check "an ordinary user gives none" nobody_sets
check "one that cannot be done changes nothing" all_or_nothing
check "the monitor hears of a device and of an order" opened_and_closed
if has_schemas; then
	check "each line is what monitor.json says" heard_fits
else
	skip "each line is what monitor.json says" "no python3-jsonschema"
fi
check "of events alone where that is asked for" only_events
check "top prints tables" top_of_both
check "top fills a screen" top_of_screen
check "and says what it lacks" no_terminal
check "check finds nothing bad for root" checks_for_root
check "and tells others what they lack" checks_for_nobody
check "another network namespace is told" elsewhere
check "words are completed" completes
exec 5>&-
check "the monitor ends with the module" unloaded
check "asking loads it again" asking_loads
check "without the module all say so" not_loaded
ktap_finish
