#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Documentation/abi.rst, which is made of what the test abi/answers said on every kernel.
# Usage: abi-doc.sh		run the test, write the document
#	 abi-doc.sh FILE...	compare it with results of runs of the test; prints KTAP
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

document=$top/Documentation/abi.rst

# Print the document that the results make; fail where they do not make one.
make_document()
{
	cat <<-'END'
	.. SPDX-License-Identifier: GPL-2.0-only
	.. Made by "make abi-doc"; "make check" compares it with what the tests say.

	=====================
	What the calls answer
	=====================

	Each case below was put to vhostx and to the in-tree vhost-net, by
	``tools/selftests/abi/answers*.c``, on each of the kernels 6.1, 6.12 and 7.3. An answer
	is an error's name, or what the call gave: 0, or the value that it wrote or returned.
	One answer stands for all kernels; several name theirs. Where the answers differ on
	some kernel the last column says why.

	A case says how it differs from the usual one: a call by the owner, for queue TX, which
	is set up and has no backend. Calls that need no owner are made without. A queue that
	runs has a tap.

	Not asked for is what needs a kernel out of memory (``ENOMEM``), or one loaded with
	other parameters: vhost-net whose ``max_iotlb_entries`` is not above 0 answers
	``EINVAL`` to each memory table. What calls do to packets, counters and the other
	state of a device that runs is in the other tests.
	END
	awk -v kernels="${kernels[*]}" '
	function fail(text) {
		printf "abi-doc: %s\n", text >"/dev/stderr"
		failed = 1
	}
	# The answers of one device: one line, or one for each where they are long.
	function answers(case_, who, lines,   i, j, k, n, value, at, of) {
		for (i = 1; i <= nr_kernels; i++) {
			value = answer[case_, kernel_name[i], who]
			if (!(value in at)) {
				at[value] = ++n
				lines[n] = value
			}
			of[at[value]] = of[at[value]] (of[at[value]] ? ", " : "") kernel_name[i]
		}
		value = ""
		for (j = 1; n > 1 && j <= n; j++) {
			lines[j] = lines[j] " (" of[j] ")"
			value = value (j > 1 ? ", " : "") lines[j]
		}
		if (n > 1 && length(value) <= 45) {
			lines[1] = value
			return 1
		}
		return n
	}
	function wrap(text, width, lines,   i, n, nr, words) {
		nr = split(text, words, " ")
		n = nr > 0
		lines[n] = ""
		for (i = 1; i <= nr; i++) {
			if (lines[n] && length(lines[n] " " words[i]) > width)
				lines[++n] = ""
			lines[n] = lines[n] (lines[n] ? " " : "") words[i]
		}
		return n
	}
	function put(column, lines, n,   i) {
		for (i = 1; i <= n; i++) {
			text[row, column, i] = lines[i]
			if (length(lines[i]) > width[column])
				width[column] = length(lines[i])
		}
		if (n > height[row])
			height[row] = n
	}
	function put_row(first, case_,   lines, n) {
		row++
		height[row] = 1
		lines[1] = first
		put(1, lines, 1)
		n = answers(case_, "net", lines)
		put(2, lines, n)
		n = answers(case_, "x", lines)
		put(3, lines, n)
		n = wrap(why[case_], 64, lines)
		put(4, lines, n)
	}
	function rule(   i) {
		for (i = 1; i <= 4; i++)
			printf "%s%s", substr(bar, 1, width[i]), i < 4 ? "  " : "\n"
	}
	function print_line(a, b, c, d,   line) {
		line = sprintf("%-*s  %-*s  %-*s  %s", width[1], a, width[2], b, width[3], c, d)
		sub(/ +$/, "", line)
		print line
	}
	# The cases of each call of a section, one call below the other.
	function table(section,   i, j, k) {
		row = 0
		split("", text)
		split("", height)
		split("", title)
		width[1] = 4
		width[2] = 9
		width[3] = 6
		width[4] = 3
		for (k = 1; k <= nr_calls; k++) {
			if (section_of[calls[k]] != section)
				continue
			title[row + 1] = calls[k]
			for (i = 1; i <= nr_cases; i++)
				if (call_of[cases[i]] == calls[k])
					put_row(what[cases[i]], cases[i])
		}
		printf "\n%s\n%s\n\n", section, substr(bar, 1, length(section))
		rule()
		print_line("Case", "vhost-net", "vhostx", "Why")
		rule()
		for (i = 1; i <= row; i++) {
			if (i in title) {
				print title[i]
				k = width[1] + width[2] + width[3] + width[4] + 6
				print substr(dashes, 1, k)
			}
			for (j = 1; j <= height[i]; j++)
				print_line(text[i, 1, j], text[i, 2, j], text[i, 3, j],
					   text[i, 4, j])
		}
		rule()
	}
	BEGIN {
		FS = " [|] ?"
		nr_kernels = split(kernels, kernel_name, " ")
		bar = sprintf("%300s", "")
		dashes = bar
		gsub(/ /, "=", bar)
		gsub(/ /, "-", dashes)
	}
	FNR == 1 || /^ *# Subtest: / {
		ours = $0 ~ /Subtest: abi\/answers$/
	}
	ours && /^ *# kernel / {
		kernel = $0
		sub(/.* /, "", kernel)
		sub(/[^0-9.].*/, "", kernel)
		split(kernel, part, ".")
		kernel = part[1] "." part[2]
	}
	ours && /^ *# section / {
		section = $0
		sub(/ *# section /, "", section)
		if (!(section in section_seen))
			sections[++nr_sections] = section
		section_seen[section] = 1
	}
	ours && /^ *(not )?ok .* \| / {
		if ($1 ~ /^ *not ok/)
			fail(kernel ": " $0)
		sub(/^ *(not )?ok [0-9]+ /, "", $1)
		key = $1 SUBSEP $2
		if (!(key in call_of)) {
			cases[++nr_cases] = key
			if (!($1 in seen)) {
				seen[$1] = 1
				calls[++nr_calls] = $1
			}
			call_of[key] = $1
			what[key] = $2
			why[key] = $5
		}
		# The last one it is in: others borrow a case of it.
		section_of[$1] = section
		answer[key, kernel, "net"] = $3
		answer[key, kernel, "x"] = $4
		if (why[key] != $5)
			fail(kernel ": another reason: " $1 ": " $2)
	}
	END {
		if (!nr_cases)
			fail("no results")
		for (i = 1; i <= nr_cases; i++) {
			key = cases[i]
			differs = 0
			for (j = 1; j <= nr_kernels; j++) {
				k = kernel_name[j]
				if (!((key, k, "x") in answer))
					fail(k ": no answer: " call_of[key] ": " what[key])
				else
					differs += answer[key, k, "net"] != answer[key, k, "x"]
			}
			if (!differs != !why[key])
				fail((differs ? "no reason: " : "a reason for no difference: ") \
				     call_of[key] ": " what[key])
		}
		for (i = 1; i <= nr_sections; i++)
			table(sections[i])
		exit failed
	}' "$@"
}

prepare_host
results=$(mktemp -d "$cache/abi.XXXXXX")
trap 'rm -rf "$results"' EXIT

if [ $# = 0 ]; then
	for k in "${kernels[@]}"; do
		"$vm/run.sh" "$k" abi/answers | tee "$results/$k"
	done
	make_document "$results"/* >"$results/document"
	mv "$results/document" "$document"
	chmod 644 "$document"
	exit
fi
echo "1..1"
if make_document "$@" >"$results/document" 2>"$results/said" &&
	diff -u "$document" "$results/document" >"$results/said"; then
	echo "ok 1 Documentation/abi.rst is what the tests say"
else
	head -n 50 "$results/said" | sed 's/^/# /'
	echo "not ok 1 Documentation/abi.rst is what the tests say"
	exit 1
fi
