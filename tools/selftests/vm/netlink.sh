#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Make the C of the netlink family from its specification, with the kernel's generator.
# Usage: netlink.sh [DIRECTORY]	writes there what otherwise goes into the checkout
set -euo pipefail
# shellcheck source=tools/selftests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

spec=Documentation/netlink/specs/vhostx.yaml

# Runs in the tree, beside the schema. The generator looks for the root of a kernel.
if [ "${1:-}" = inside ]; then
	install -D -m 0644 "$top/$spec" "/opt/linux-source/$spec"
	cd /opt/linux-source
	touch MAINTAINERS
	gen=(tools/net/ynl/ynl-gen-c.py --spec "$spec" --mode)
	python3 "${gen[@]}" uapi --header -o "$2/include/uapi/linux/vhostx_netlink.h"
	python3 "${gen[@]}" kernel --header -o "$2/drivers/vhostx/nl_gen.h"
	python3 "${gen[@]}" kernel --source -o "$2/drivers/vhostx/nl_gen.c"
	# They belong to the family, which is not written here: it is of one namespace.
	sed -i '/^static const struct genl_multicast_group/,/^};/d' "$2/drivers/vhostx/nl_gen.c"
	exit
fi

out=$(realpath "${1:-$top}")
prepare_host
mkdir -p "$out/include/uapi/linux" "$out/drivers/vhostx"
"$vm/chroot.sh" -b "$out:/out" "$build_kernel" "$vm/netlink.sh" inside /out
