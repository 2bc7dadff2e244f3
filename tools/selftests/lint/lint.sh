#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Style, layering, and builds with every warning on. Each check prints what it
# finds; one that finds nothing passes. Usage: lint.sh [CHECK...]	prints KTAP
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/selftests/vm/lib.sh
. "$here/../vm/lib.sh"

driver=drivers/vhostx
# Written by make bench.
figures=Documentation/performance
# Inputs of the fuzzers.
corpus=tools/selftests/fuzz/corpus
# Written by the kernel's generator, and what it is written from.
netlink=(Documentation/netlink/specs/vhostx.yaml include/uapi/linux/vhostx_netlink.h
	drivers/vhostx/nl_gen.h drivers/vhostx/nl_gen.c)
longest=800
checks=(coccinelle spdx length layers versions netlink scripts checkpatch kernel-doc docs userspace
	clang module-6.1 module-6.12 module-7.3 module-forky)

# Of the kernel's coccinelle scripts those that need an OCaml compiler: hundreds of MB
# for two, of which one is about a driver of batteries.
not_cocci=(api/check_bq27xxx_data.cocci null/badzero.cocci)

# Lowest first: a file includes its own header, and those of the rows above its own.
layers=(
	"compat copy"
	"event frag mem log netdev"
	"ring"
	"ring_split ring_packed ring_indirect"
	"sock stats tune worker"
	"vhostx sched"
	"trace"
	"notify"
	"iotlb poll"
	"rx tx"
	"vq"
	"layout"
	"dev nl_gen nl_msg"
	"cdev nl_dev"
	"nl_queue nl_worker"
	"nl"
	"main"
)

# Macros of tests and of their headers are statements, tables, and the harness's own, which
# need braces around them; C11 has words with capitals; rings in shared memory are volatile.
userspace_allowed=BRACES,CAMELCASE,COMPLEX_MACRO,MACRO_ARG_REUSE,MACRO_ARG_PRECEDENCE
userspace_allowed+=,MACRO_WITH_FLOW_CONTROL,MULTISTATEMENT_MACRO_USE_DO_WHILE,VOLATILE

# What checkpatch itself does not ask of all of tools/, and what libc has no macros for; types
# that stand for the kernel's.
userspace_allowed+=,PREFER_KERNEL_TYPES,PREFER_DEFINED_ATTRIBUTE_MACRO,NEW_TYPEDEFS

# Trace points are written in macros of lists and of statements, laid out as all are.
trace_allowed=COMPLEX_MACRO,MACRO_ARG_UNUSED,OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT,TRAILING_SEMICOLON

# The files of the checkout, those not yet committed too.
files()
{
	if git -C "$top" rev-parse >/dev/null 2>&1; then
		git -C "$top" ls-files -co --exclude-standard
	else
		find . -name .git -prune -o -name build -prune -o -type f -printf '%P\n'
	fi | while read -r file; do
		[ ! -e "$file" ] || echo "$file"
	done
}

# Of those, the ones whose names match a pattern of grep.
named()
{
	files | grep -E "$1" || true
}

# Of those, what we write ourselves.
written()
{
	named "$1" | grep -vxF "$(printf '%s\n' "${netlink[@]}")" || true
}

scripts()
{
	files | while read -r file; do
		if head -n 1 "$file" | grep -qE '^#! ?/bin/(ba)?sh' || [[ $file == *.sh ]]; then
			echo "$file"
		fi
	done
}

check_spdx()
{
	local file licence

	while read -r file; do
		licence=GPL-2.0-only
		[[ " ${netlink[*]} " != *" $file "* ]] ||
			licence='((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)'
		# Read as it is on the web, one word long, of a format of others, or figures.
		case $file in
		*.md | */settings | */50-vhostx-user.json | */.checkpatch-* | debian/source/format | \
			"$figures"/* | "$corpus"/*) continue ;;
		esac
		sed -n '/^#!/d; p; q' "$file" | grep -qF "SPDX-License-Identifier: $licence" ||
			sed -n '2p' "$file" | grep -qF "SPDX-License-Identifier: $licence" ||
			echo "$file: no SPDX line at its head"
	done < <(files)
}

check_length()
{
	local file lines

	while read -r file; do
		lines=$(wc -l <"$file")
		[[ $lines -le $longest || $file = "$figures"/* || $file = "$corpus"/* ]] ||
			echo "$file: $lines lines, more than $longest"
	done < <(files)
}

check_layers()
{
	local -A rank=()
	local file stem include other i name

	for i in "${!layers[@]}"; do
		for name in ${layers[i]}; do
			rank[$name]=$i
		done
	done
	while read -r file; do
		stem=${file#"$driver/"}
		stem=${stem%.[ch]}
		[[ $stem != compat/* ]] || stem=compat
		if [ -z "${rank[$stem]:-}" ]; then
			echo "$file: has no layer, see the table in lint.sh"
			continue
		fi
		while read -r include; do
			other=${include%.h}
			[[ $other != compat/* ]] || other=compat
			if [ "$other" = "$stem" ]; then
				continue
			fi
			if [ -z "${rank[$other]:-}" ]; then
				echo "$file: includes $include, which has no layer"
			elif [ "${rank[$other]}" -ge "${rank[$stem]}" ]; then
				echo "$file: includes $include, which is not below it"
			fi
		done < <(sed -nE 's/^[ \t]*#[ \t]*include[ \t]*"([^"]*)".*/\1/p' "$file")
	done < <(named "^$driver/.*\.[ch]$")
}

check_versions()
{
	# Only compat/ may know a kernel's version.
	named "^(Kbuild|$driver/|include/)" | grep -v "^$driver/compat/" |
		xargs grep -HnE 'LINUX_VERSION|KERNEL_VERSION|RHEL_RELEASE|UTS_RELEASE' || true
}

check_netlink()
{
	local made file

	made=$(mktemp -d)
	"$vm/netlink.sh" "$made"
	for file in "${netlink[@]:1}"; do
		cmp -s "$file" "$made/$file" || echo "$file: is not what ${netlink[0]} makes (make netlink)"
	done
	rm -r "$made"
}

check_scripts()
{
	mapfile -t list < <(scripts)
	# Not SC2317: many functions are called by a name that was put together.
	in_image shellcheck -x -P . -P SCRIPTDIR -e SC2317 --format=gcc "${list[@]}"
}

check_checkpatch()
{
	mapfile -t list < <(written '\.[ch]$')
	in_image "$here/lint.sh" inside checkpatch "${list[@]}"
}

inside_checkpatch()
{
	local kernel=() trace=() userspace=() file

	for file in "$@"; do
		case $file in
		"$driver/trace.h") trace+=("$top/$file") ;;
		tools/* | userspace/*) userspace+=("$top/$file") ;;
		*) kernel+=("$top/$file") ;;
		esac
	done
	# It leaves a list of names where it runs.
	cd /tmp
	checkpatch FILE_PATH_CHANGES "${kernel[@]}"
	checkpatch "FILE_PATH_CHANGES,$trace_allowed" "${trace[@]}"
	checkpatch "FILE_PATH_CHANGES,$userspace_allowed" "${userspace[@]}"
}

# Without a kernel's tree around: its root is anywhere.
checkpatch()
{
	[ $# -gt 1 ] || return 0
	perl "$linux/scripts/checkpatch.pl" --no-tree --root=/tmp --strict --terse \
		--show-types --ignore="$1" --file "${@:2}" 2>&1 |
		grep -vE '^total: |^find: |^$' | sed "s,^$top/,," || true
}

check_kernel-doc()
{
	mapfile -t list < <(written "^($driver|include)/.*\.[ch]$")
	in_image perl "$linux/scripts/kernel-doc" -none -Wall "${list[@]}"
}

check_docs()
{
	in_image "$here/lint.sh" inside docs
}

# As HTML, and as manual pages.
inside_docs()
{
	local out build

	out=$(mktemp -d)
	for build in html man; do
		sphinx-build -q -W --keep-going -d "$out/trees" -b "$build" Documentation \
			"$out/$build" 2>&1 | sed "s,^$top/,," || true
	done
}

# More than the builds of the tests, which stop at any warning, ask for; by both compilers.
check_userspace()
{
	mapfile -t list < <(named '^(tools|userspace)/.*\.c$')
	in_image "$here/lint.sh" inside userspace "${list[@]}"
}

inside_userspace()
{
	local ring=tools/selftests/ring file flags
	local warnings=(-std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wundef
		-Wold-style-definition -Wwrite-strings -Wformat=2 -D_GNU_SOURCE -pthread)
	# Which gcc asks for as well, and without reports of these: rows of a table that end
	# early, the argument that TEST() of kselftest_harness.h leaves unused, a table of
	# vhost's regions with room behind it.
	local not_clang=(-Wno-missing-field-initializers -Wno-unused-parameter
		-Wno-gnu-variable-sized-type-not-at-end)

	make -s -C tools/selftests/fuzz OUTPUT=/tmp/fuzz absent
	for file in "$@"; do
		flags=(-I"$top/tools/selftests/lib" -I"$top/include/uapi" -isystem "$kselftest")
		[[ $file != tools/selftests/ring/* ]] ||
			flags=(-I"${file%/*}/include" -I"${file%/*}" -I"$driver" -Iinclude -isystem "$kselftest")
		[[ $file != tools/selftests/fuzz/* ]] ||
			flags=(-I/tmp/fuzz/absent -I"$ring/include" -I"${file%/*}" -I"$ring" -I"$driver"
				-Iinclude -Wno-sign-compare -include "${file%/*}/kernel.h")
		[[ $file != */ctl/* ]] ||
			flags+=(-iquote userspace/ctl -DVHOSTX_VERSION='""')
		[[ $file != */vhost-user/* ]] ||
			flags+=(-iquote userspace/vhost-user -DVHOSTX_VERSION='""')
		gcc "${warnings[@]}" "${flags[@]}" -fsyntax-only "$file" 2>&1 |
			grep -E 'warning|error' || true
		clang "${warnings[@]}" "${not_clang[@]}" "${flags[@]}" -fsyntax-only "$file" 2>&1 |
			grep -E 'warning:|error:' || true
	done
}

# The kernel's own scripts, each with the options that it asks for.
check_coccinelle()
{
	in_image "$here/lint.sh" inside coccinelle
}

inside_coccinelle()
{
	local scripts=$linux/scripts/coccinelle script

	for script in "${not_cocci[@]}"; do
		[ -e "$scripts/$script" ] || echo "$script: not there, and still left out"
	done
	# Longest first, as far as one knows.
	find "$scripts" -name '*.cocci' -printf '%P\n' | grep -vxF "$(printf '%s\n' "${not_cocci[@]}")" |
		sort -t / -k 1,1r -k 2 | xargs -P "$(nproc)" -I{} "$here/lint.sh" inside cocci {}
}

inside_cocci()
{
	local script=$linux/scripts/coccinelle/$1 options said status=0

	# It would pass without a look.
	grep -q '^virtual report' "$script" || echo "$1: has no reports"
	read -ra options < <(sed -n 's,^// *Options:,,p' "$script"; echo)
	[ ${#options[@]} -gt 0 ] || options=(--local-includes)
	said=$(spatch --very-quiet -D report --no-show-diff --cocci-file "$script" "${options[@]}" \
		-I "$driver" -I include -I include/uapi "$driver"/*.[ch] "$driver"/compat/*.[ch] 2>&1) ||
		status=$?
	# What it says of the script.
	grep -vE '^warning: line [0-9]+: should .* be a metavariable|^$' <<<"$said" |
		sed "s,^,$1: ," || true
	[ "$status" = 0 ] || echo "$1: spatch ends with status $status"
}

# With W=1, and by sparse. A module that builds without a word passes.
check_module()
{
	local image

	image=$("$vm/image.sh" "$build_kernel")
	# sparse of the build tree with its own C library: another tree's may be older.
	"$vm/chroot.sh" -b "$image/root:/opt/build" "$1" "$here/lint.sh" inside module
}

# Debian's sparse does not know what the headers of later kernels use.
write_sparse()
{
	cat >"$1" <<'END'
#!/bin/sh
exec /opt/build/lib64/ld-linux*.so.* --library-path "$(echo /opt/build/usr/lib/*-linux-gnu)" \
	/opt/build/usr/bin/sparse -D__typeof_unqual__=__typeof__ \
	'-D__builtin_strlen(s)=(sizeof(s)-1)' "$@"
END
	chmod +x "$1"
}

inside_module()
{
	local log=/tmp/log

	write_sparse /tmp/sparse
	# C=2 looks for a script that Debian's headers do not have.
	make_module "$log" KBUILD_CHECKSRC=2 CHECK=/tmp/sparse
	# Nothing was seen if sparse did not run.
	grep -q ' CHECK .*main\.c' "$log" || echo "sparse did not run"
}

# Make it in /tmp/build; what make says goes to the file $1, what of it counts is printed.
make_module()
{
	local status=0

	mkdir /tmp/build
	cp -r Kbuild dkms.conf drivers userspace /tmp/build
	[ ! -e include ] || cp -r include /tmp/build
	make -j2 -C /usr/src/linux-headers-*-[!c]*64 M=/tmp/build W=1 "${@:2}" modules \
		>"$1" 2>&1 || status=$?
	grep -iE 'warning|error' "$1" | grep -v 'the compiler differs from the one used' |
		sed 's,/tmp/build/,,' || true
	[ "$status" = 0 ] || echo "make ends with status $status"
}

# With W=1 by clang, for which the kernel's headers are not configured.
check_clang()
{
	in_image "$here/lint.sh" inside clang
}

# What Kconfig would have found of clang where it found something else of gcc. The tree is
# gone afterwards.
configure_for_clang()
{
	local tree=$1 version name
	local files=("$tree/include/config/auto.conf" "$tree/include/generated/autoconf.h")
	local no='CC_IS_GCC|CC_HAS_MIN_FUNCTION_ALIGNMENT|CC_HAS_NAMED_AS|USE_X86_SEG_SUPPORT'

	version=$(clang -dumpversion | awk -F . '{ printf "%d%02d%02d", $1, $2, $3 }')
	sed -i -E -e "/CONFIG_($no|FTRACE_MCOUNT_USE_CC)\>/d" \
		-e '/CONFIG_CC_IMPLICIT_FALLTHROUGH/s/=5//' \
		-e 's/(CONFIG_GCC_VERSION[ =]).*/\10/' \
		-e "s/(CONFIG_CLANG_VERSION[ =]).*/\1$version/" "${files[@]}"
	for name in CC_IS_CLANG FTRACE_MCOUNT_USE_OBJTOOL; do
		echo "CONFIG_$name=y" >>"${files[0]}"
		echo "#define CONFIG_$name 1" >>"${files[1]}"
	done
}

inside_clang()
{
	local log=/tmp/log

	configure_for_clang /usr/src/linux-headers-*-[!c]*64
	make_module "$log" LLVM=1 CC=clang
	grep -q ' CC .*main\.o' "$log" || echo "clang did not run"
}

# Run a command in the build tree.
in_image()
{
	"$vm/chroot.sh" "$build_kernel" "$@" 2>&1
}

# What make was told above is not for the makes below: -s would hide what sparse saw.
unset MAKEFLAGS MFLAGS MAKELEVEL
linux=/opt/linux-source
kselftest=$linux/tools/testing/selftests
cd "$top"
if [ "${1:-}" = inside ]; then
	"inside_$2" "${@:3}"
	exit
fi

# What the check $3 finds goes to a file in $2.
if [ "${1:-}" = run ]; then
	status=0
	case $3 in
	module-*) check_module "${3#*-}" ;;
	*) "check_$3" ;;
	esac >"$2/$3" || status=$?
	# One that ends badly and found nothing has not checked.
	[ -s "$2/$3" ] || [ "$status" = 0 ] || echo "status $status" >"$2/$3"
	exit 0
fi

[ $# -gt 0 ] || set -- "${checks[@]}"
prepare_host
results=$(mktemp -d)
trap 'rm -r "$results"' EXIT
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} "$here/lint.sh" run "$results" {}
echo "KTAP version 1"
echo "1..$#"
number=0
failed=0
for check in "$@"; do
	number=$((number + 1))
	if [ ! -e "$results/$check" ]; then
		echo "# it did not run" >"$results/$check"
	fi
	if [ ! -s "$results/$check" ]; then
		echo "ok $number $check"
		continue
	fi
	head -n 100 "$results/$check" | sed 's/^/# /'
	echo "not ok $number $check"
	failed=1
done
exit "$failed"
