# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# L2 guests: start, talk to, stop.
# A guest is known by a name; its serial console, control line and QEMU's messages are
# files NAME.* in $GUEST_DIR.
# shellcheck source=tools/selftests/lib/vhost.sh
. "$(dirname "${BASH_SOURCE[0]}")/vhost.sh"

L2_DIR=${L2_DIR:-/opt/vhostx/l2}
GUEST_DIR=${VHOSTX_LOGS:-$(mktemp -d /tmp/vhostx-guests.XXXXXX)}
GUEST_BOOT=150
guest_starts=0
declare -A guest_pid guest_in guest_out guest_mon
# The name that a guest booted under: its address and its control line are that name's,
# wherever it moves.
declare -A guest_origin
# How each was started, to start it again.
declare -A guest_again

# Guests of a host without KVM are emulated by QEMU.
guest_accel=(-accel tcg -cpu max)
[ ! -c /dev/kvm ] || guest_accel=(-accel kvm -cpu "host,svm=off,vmx=off")

# guest_test POINTS "$@": the start of a test with guests, in a namespace of its own.
guest_test()
{
	need_device
	enter_netns "${@:2}"
	trap guest_kill_all EXIT
	ktap_plan "$1"
}

# guest_start NAME CPUS TAP QUEUES [DEVICE PROPERTIES [FROM]]: boot with one NIC on an
# existing tap, or wait for the guest FROM to move in. VHOST_DEV=none leaves the data path
# to QEMU, VHOST_DEV=fixed the choice of the device; VHOST_DEV=unix:SOCKET[,OPTIONS] is a
# vhost-user back end, which takes the tap's place. With GUEST_IOMMU=1 the guest uses an IOMMU;
# its NIC is behind it with the properties iommu_platform=on,ats=on,disable-legacy=on.
# It has no guests itself: whether it could is a state that moves along, and KVM has failed
# to set.
guest_start()
{
	local name=$1 cpus=$2 tap=$3 queues=$4 props=${5:-} from=${6:-} dir=$GUEST_DIR
	local netdev device fd ctl
	local append="console=ttyS0 quiet loglevel=4 mitigations=off ipv6.disable=1 panic=-1"
	local -a launch=() incoming=() iommu=() user=()

	guest_again[$name]=$(printf '%q ' "$VHOST_DEV" "$@")
	mkdir -p "$dir"
	guest_keep "$name"
	rm -f "$dir/$name".{ctl,mon}.{in,out}
	mkfifo "$dir/$name".mon.{in,out}
	if [ -n "$from" ]; then
		# One whose CPUs give up would boot afresh, and not show where it was.
		incoming=(-incoming "$(guest_socket "$name")" -action "reboot=shutdown,shutdown=pause")
		guest_origin[$name]=${guest_origin[$from]}
	else
		mkfifo "$dir/$name".ctl.{in,out}
		guest_origin[$name]=$name
	fi
	ctl=$dir/${guest_origin[$name]}.ctl
	device="virtio-net-pci,netdev=n0,mac=$(guest_mac "${guest_origin[$name]}")"
	device+="${props:+,$props}"
	if [[ $VHOST_DEV = unix:* ]]; then
		netdev="vhost-user,id=n0,chardev=user,queues=$queues"
		user=(-chardev "socket,id=user,path=${VHOST_DEV#unix:}"
			-object "memory-backend-memfd,id=ram,size=${GUEST_MEM:-160}M,share=on"
			-machine memory-backend=ram)
	elif [ "$queues" -gt 1 ]; then
		launch=("$(dirname "${BASH_SOURCE[0]}")/../qemu/tapexec" "$tap" "$queues" "$VHOST_DEV")
		netdev="tap,id=n0,fds=@TAPS@,vhost=on,vhostfds=@VHOSTS@"
	else
		netdev="tap,id=n0,ifname=$tap,script=no,downscript=no"
		case $VHOST_DEV in
		none) ;;
		fixed) netdev+=",vhost=on" ;;
		*) netdev+=",vhost=on,vhostfd=3" ;;
		esac
	fi
	[ "$queues" -le 1 ] || device+=",mq=on,vectors=$((2 * queues + 2))"

	if [ -n "${GUEST_IOMMU:-}" ]; then
		append+=" intel_iommu=on iommu.strict=1"
		iommu=(-machine kernel-irqchip=split -device "intel-iommu,intremap=on,device-iotlb=on")
	fi

	(
		if [ "$queues" -le 1 ] && [ -c "$VHOST_DEV" ]; then
			exec 3<>"$VHOST_DEV"
		fi
		exec "${launch[@]}" qemu-system-x86_64 \
			-name "$name" -nodefaults -no-user-config -display none \
			-machine q35,hpet=off,i8042=off,sata=off,smbus=off \
			"${guest_accel[@]}" -smp "$cpus" -m "${GUEST_MEM:-160}" \
			-kernel "$L2_DIR/vmlinuz" -initrd "${guest_tools:-$L2_DIR}/initramfs" \
			-append "$append" "${iommu[@]}" "${user[@]}" \
			-serial "file:$dir/$name.console" \
			-chardev "pipe,id=ctl,path=$ctl" -serial chardev:ctl \
			-chardev "pipe,id=mon,path=$dir/$name.mon" -mon mon \
			-netdev "$netdev" -device "$device" "${incoming[@]}"
	) </dev/null >"$dir/$name.qemu" 2>&1 &
	guest_pid[$name]=$!
	[[ $VHOST_DEV = unix:* ]] || queue_owner_is "$tap" $!

	exec {fd}<>"$ctl.in"
	guest_in[$name]=$fd
	exec {fd}<>"$ctl.out"
	guest_out[$name]=$fd
	exec {fd}<>"$dir/$name.mon.in"
	guest_mon[$name]=$fd
}

# What was said of the guests that had this name before is not lost to the next one.
guest_keep()
{
	local file

	guest_starts=$((guest_starts + 1))
	for file in qemu state; do
		[ ! -e "$GUEST_DIR/$1.$file" ] ||
			mv "$GUEST_DIR/$1.$file" "$GUEST_DIR/$1.$guest_starts.$file"
	done
}

# guest_tools PROGRAM...: guests that start from now on have them in /bin. The files are the
# caller's to remove, guest_tools the directory.
guest_tools()
{
	guest_tools=$(mktemp -d)
	mkdir "$guest_tools/bin"
	cp "$@" "$guest_tools/bin"
	(cd "$guest_tools" && find bin | busybox cpio -o -H newc 2>/dev/null) |
		cat "$L2_DIR/initramfs" - >"$guest_tools/initramfs"
}

# A stable address per name: locally administered, last bytes from its checksum.
guest_mac()
{
	local sum

	sum=$(printf '%s' "$1" | cksum | cut -d ' ' -f 1)
	printf '52:54:00:%02x:%02x:%02x' $((sum >> 16 & 255)) $((sum >> 8 & 255)) $((sum & 255))
}

guest_alive()
{
	[ -n "${guest_pid[$1]:-}" ] && kill -0 "${guest_pid[$1]}" 2>/dev/null
}

# QEMU keeps a guest that KVM gave up, and nobody would hear of it again.
guest_runs()
{
	guest_alive "$1" && ! grep -qs '^KVM internal error' "$GUEST_DIR/$1.qemu"
}

# Read the control line until MARKER; print what came before it.
guest_read()
{
	local name=$1 end=$((SECONDS + $2 * ${VHOSTX_SLOW:-1})) marker=$3 line='' part

	while [ "$SECONDS" -lt "$end" ]; do
		if IFS= read -r -t 1 part <&"${guest_out[$name]}"; then
			line+=$part
			line=${line%$'\r'}
			case $line in
			"$marker"*)
				guest_line=$line
				return 0
				;;
			esac
			echo "$line"
			line=
		else
			line+=$part
			guest_runs "$name" || break
		fi
	done
	echo "guest $name: no $marker within $2 s; see $GUEST_DIR/$name.console" >&2
	guest_state "$name" >"$GUEST_DIR/$name.state" 2>&1
	return 1
}

# Where a silent guest stands: twice what its CPUs, KVM and the queues say, a second apart.
guest_state()
{
	local pid=${guest_pid[$1]} monitor=$GUEST_DIR/$1.mon.out round thread file

	guest_alive "$1" || return 0
	for round in 1 2; do
		echo "== $1, round $round"
		guest_monitor "$1" 'info status'
		guest_monitor "$1" 'info registers -a'
		guest_monitor "$1" 'info lapic'
		guest_monitor "$1" 'info pic'
		timeout 2 cat <>"$monitor"
		for thread in "/proc/$pid/task"/*; do
			echo "$(<"$thread/comm"): $(cut -d ' ' -f 3,14,15 "$thread/stat")" \
				"$(tr '\n' ' ' <"$thread/stack")"
		done
		for file in /sys/kernel/debug/kvm/"$pid"-*/{exits,halt_exits,halt_wakeup,irq_injections}; do
			echo "${file##*/} $(<"$file")"
		done
		has_counters && all_queues
	done
}

# Nested in an emulated host a guest hangs now and then, about once in a hundred boots,
# before its kernel has said a word. One that has not come as far as its NIC gets another
# try; that is no excuse for anything that the device could have done.
guest_wait()
{
	local limit=${2:-$GUEST_BOOT}

	guest_read "$1" "$limit" @@ready >/dev/null && return
	guest_unborn "$1" || return 1
	note "guest $1 hangs before it has touched its NIC: starting it again"
	kill -9 "${guest_pid[$1]}"
	guest_close "$1"
	eval "set -- ${guest_again[$1]}"
	VHOST_DEV=$1 guest_start "${@:2}"
	guest_read "$2" "$limit" @@ready >/dev/null
}

# Its QEMU lives and has not started a queue yet.
guest_unborn()
{
	local tap

	guest_alive "$1" && [ ! -s "$GUEST_DIR/$1.console" ] || return 1
	for tap in "${!queue_owner[@]}"; do
		[ "${queue_owner[$tap]}" != "${guest_pid[$1]}" ] ||
			[ "$(queues 'field["state"] != "stopped"' "$tap" | wc -l)" = 0 ] || return 1
	done
}

# guest_run NAME SECONDS COMMAND: run in the guest; its output and its exit status.
# A command goes over as one line: lines of it must read the same joined by blanks.
guest_run()
{
	local guest_line=

	printf "%s\n" "${3//$'\n'/ }" >&"${guest_in[$1]}"
	guest_read "$1" "$2" @@rc || return 124
	return "${guest_line#@@rc }"
}

guest_monitor()
{
	echo "$2" >&"${guest_mon[$1]}"
}

# guest_ask NAME COMMAND: what the monitor says to it, after what it said before.
guest_ask()
{
	guest_monitor "$1" "$2"
	while IFS= read -r -t 0.3; do
		echo "${REPLY%$'\r'}"
	done <>"$GUEST_DIR/$1.mon.out"
}

# Where a guest that moves in is met; a name in a shared directory is not a socket's place.
guest_socket()
{
	echo "unix:/tmp/vhostx-$$.$1"
}

guest_gone()
{
	! guest_alive "$1"
}

guest_close()
{
	local fd origin

	for fd in "${guest_in[$1]}" "${guest_out[$1]}" "${guest_mon[$1]}"; do
		exec {fd}>&-
	done
	wait "${guest_pid[$1]}" 2>/dev/null || true
	origin=${guest_origin[$1]}
	unset "guest_pid[$1]" "guest_in[$1]" "guest_out[$1]" "guest_mon[$1]" "guest_origin[$1]"
	rm -f "$GUEST_DIR/$1".mon.{in,out} "$(guest_socket "$1" | cut -d : -f 2)"
	[[ " ${guest_origin[*]} " = *" $origin "* ]] || rm -f "$GUEST_DIR/$origin".ctl.{in,out}
}

# guest_migrate NAME TO SECONDS: move the guest into the QEMU that waits as TO; the old one
# quits. Sets migrate_said to the monitor's last words about it.
guest_migrate()
{
	local end=$((SECONDS + $3 * ${VHOSTX_SLOW:-1})) state=

	wait_for 20 [ -S "$(guest_socket "$2" | cut -d : -f 2)" ] || return 1
	guest_monitor "$1" "migrate -d $(guest_socket "$2")"
	while [[ $state != *completed* ]]; do
		if [[ $state = *failed* ]] || [ "$SECONDS" -ge "$end" ]; then
			echo "$migrate_said"
			return 1
		fi
		migrate_said=$(guest_ask "$1" 'info migrate')
		state=$(grep -iE '^(Migration )?status:' <<<"$migrate_said" | tail -n 1)
	done
	if ! guest_alive "$2"; then
		cat "$GUEST_DIR/$2.qemu"
		return 1
	fi
	guest_quit "$1"
}

# migrate_figure total|down: milliseconds of the last move. QEMU says "total time: 7 ms" and
# "downtime: 7 ms" up to 10.0, "Time (ms): total=7, ..., down=7" after.
migrate_figure()
{
	grep -i time <<<"$migrate_said" | grep -oE "$1( ?time: |=)[0-9]+" | tail -n 1 |
		grep -oE '[0-9]+$'
}

# The orderly way: QEMU quits by its monitor.
guest_quit()
{
	guest_monitor "$1" quit
	wait_for "${2:-10}" guest_gone "$1" || return 1
	guest_close "$1"
}

guest_kill_all()
{
	local name

	for name in "${!guest_pid[@]}"; do
		kill -9 "${guest_pid[$name]}" 2>/dev/null || true
		guest_close "$name"
	done
}

# QEMU says so when it gives up on vhost and goes on without it.
used_vhost()
{
	if grep -i vhost "$GUEST_DIR/$1.qemu"; then
		return 1
	fi
	guest_alive "$1"
}

tap_add()
{
	local name=$1 queues=${2:-1}

	if [ "$queues" -gt 1 ]; then
		ip tuntap add dev "$name" mode tap vnet_hdr multi_queue
	else
		ip tuntap add dev "$name" mode tap vnet_hdr
	fi
	ip link set "$name" up
}

# guest_net NAME ADDRESS/LEN: address the guest's NIC.
guest_net()
{
	guest_run "$1" 40 "ip addr replace $2 dev eth0 && ip link set eth0 up"
}
