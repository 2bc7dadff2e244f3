# SPDX-License-Identifier: GPL-2.0-only
# Reads the symbols of a kernel, sorted, then what profile.c wrote of vhost-net and vhostx by
# turns; prints a row for csv-table for each case: the worker's instructions per packet in
# functions that both call, as far as both do; the rest of each; and the ratio of all.
# Variables: packets of a section; cases, by ";". Needs a kernel without KASLR.

# The last symbol at or below it.
function find(address,  low, high, middle)
{
	low = 1
	high = symbols
	while (low < high) {
		middle = int((low + high + 1) / 2)
		if (at[middle] <= address)
			low = middle
		else
			high = middle - 1
	}
	return low
}

FILENAME == ARGV[1] {
	at[++symbols] = $1
	own[symbols] = $3 ~ /^(vhostx|vhost|vhost_net|vhost_iotlb)$/
	next
}

$1 == "section" {
	sections++
	next
}

{
	symbol = find($3 "")
	sum[$1, $2, symbol] += $4 * $5
	total[$1, $2] += $4 * $5
	used[symbol]
	stacks[$2]
	if (own[symbol])
		work[$1, $2] += $4 * $5
}

# The stack of the section's worker.
function worker(section,  stack, found)
{
	for (stack in stacks)
		if (work[section, stack] > work[section, found])
			found = stack
	return found
}

END {
	split(cases, name, ";")
	for (s = 0; s < sections; s += 2) {
		net = worker(s)
		x = worker(s + 1)
		shared = 0
		for (symbol in used) {
			a = sum[s, net, symbol]
			b = sum[s + 1, x, symbol]
			shared += a < b ? a : b
		}
		printf "\"%s\",%d,%d,%d,%.3f\n", name[s / 2 + 1], shared / packets,
			(total[s, net] - shared) / packets, (total[s + 1, x] - shared) / packets,
			total[s + 1, x] / total[s, net]
	}
}
