# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced: vhost-net takes as many regions as vhostx takes anyway.
modprobe -r vhost_net && modprobe -r vhost && modprobe vhost max_mem_regions=509 &&
	modprobe vhost_net || exit 1
