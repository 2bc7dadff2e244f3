# SPDX-License-Identifier: GPL-2.0-only
# How Sphinx makes HTML and a manual page of this directory: make html, make man.
import re
from pathlib import Path

top = Path(__file__).resolve().parent.parent

project = "vhostx"
author = "The vhostx authors"
copyright = author
version = re.search(r'^PACKAGE_VERSION="(.*)"', (top / "dkms.conf").read_text(), re.M)[1]
release = version

extensions = ["sphinx.ext.graphviz"]
exclude_patterns = ["build"]
nitpicky = True
smartquotes = False
highlight_language = "none"

graphviz_output_format = "svg"

html_theme = "alabaster"
html_theme_options = {
    "description": "An in-kernel virtio-net back end for virtual machines",
    "page_width": "70em",
    "fixed_sidebar": True,
}
html_show_copyright = False
html_copy_source = False

# What abi.rst and performance.rst are made of, tables and figures, is more than a manual
# page can show.
man_pages = [
    (page, "vhostx-" + page.split("/")[-1], title, author, 7)
    for page, title in [
        ("architecture", "how the module vhostx works"),
        ("migration", "live migration of guests on vhostx"),
        ("takeover", "vhostx in the place of /dev/vhost-net"),
        ("deploy/host", "keeping vhostx on a host"),
        ("deploy/qemu", "vhostx with QEMU"),
        ("deploy/libvirt", "vhostx with libvirt"),
        ("deploy/proxmox", "vhostx with Proxmox VE"),
        ("deploy/openstack", "vhostx with OpenStack"),
        ("deploy/kubevirt", "vhostx with KubeVirt"),
    ]
]
