# SPDX-License-Identifier: GPL-2.0-only
# vhostx: `make help` lists what can be done here.

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
VERSION = $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
SOURCE = $(DESTDIR)/usr/src/vhostx-$(VERSION)
SYSCONF = userspace/sysconf
# Where a package has them: /usr/lib/udev/rules.d and /usr/lib/modules-load.d.
RULES = /etc/udev/rules.d
LOAD = /etc/modules-load.d
TOOLS_OUTPUT ?= $(CURDIR)/build
# The same for each of them.
TOOLS = set -e; for tool in ctl vhost-user; do \
	$(MAKE) --no-print-directory -C userspace/$$tool OUTPUT=$(TOOLS_OUTPUT)/$$tool $(1); done
SPHINX = sphinx-build -q -W --keep-going -d build/doc/trees
VM = tools/selftests/vm
FUZZ = tools/selftests/fuzz
TIME ?= 60
HOURS ?= 1
K ?= 6.12
T ?=
comma := ,

module: ## Build vhostx.ko for the running kernel (KVER=, KDIR=)
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tools: ## Build the command vhostx and the daemon vhostx-user
	+$(call TOOLS,all)

clean: ## Remove what module and tools left
	$(MAKE) -C $(KDIR) M=$(CURDIR) clean
	+$(call TOOLS,clean)

install: module-install tools-install ## Both of the next

module-install: module-files ## Install through DKMS for KVER, with the udev rule
	dkms status vhostx/$(VERSION) | grep -q . || dkms add vhostx/$(VERSION)
	dkms build --force vhostx/$(VERSION) -k $(KVER)
	dkms install --force vhostx/$(VERSION) -k $(KVER)

# What of it is files alone.
module-files:
	rm -rf $(SOURCE)
	install -d $(SOURCE)/userspace
	cp -r Makefile Kbuild dkms.conf drivers $(wildcard include) $(SOURCE)
	cp -r $(SYSCONF) $(SOURCE)/userspace
	install -D -m 0644 $(SYSCONF)/60-vhostx.rules $(DESTDIR)$(RULES)/60-vhostx.rules
	install -D -m 0644 $(SYSCONF)/vhostx.conf $(DESTDIR)$(LOAD)/vhostx.conf

tools-install: ## Install both, with their manuals
	+$(call TOOLS,install)

uninstall: ## Undo install
	+$(call TOOLS,uninstall)
	-dkms remove vhostx/$(VERSION) --all
	rm -rf $(SOURCE)
	rm -f $(DESTDIR)$(RULES)/60-vhostx.rules $(DESTDIR)$(LOAD)/vhostx.conf

deb: ## Debian packages, for Debian 12 and 13 or that of K=: build/deb (root)
	@$(VM)/deb.sh $(if $(filter command% environment,$(origin K)),$(K),6.1 6.12)

html: ## Documentation/ as HTML: build/doc/html (python3-sphinx, graphviz)
	$(SPHINX) -b html Documentation build/doc/html

man: ## Documentation/ as manual pages: build/doc/man
	$(SPHINX) -b man Documentation build/doc/man

demo: ## Show a guest on vhostx beside vhost-net, QEMU's own and DPDK (root)
	@$(VM)/demo.sh $(K)

check: ## Everything: lint, check-fast, the tests on every kernel (root)
	$(VM)/check.sh

check-long: ## The same with every test on every kernel, some hours (root)
	$(VM)/check.sh -l

check-debug: ## The tests on debug kernels: KASAN and others; KCSAN, two hours (root)
	$(VM)/check.sh -d

check-fast: ## The tests that need no VM, in under a minute
	$(MAKE) --no-print-directory -C tools/selftests/ring check
	$(MAKE) --no-print-directory -C tools/selftests/ctl check
	$(MAKE) --no-print-directory -C tools/selftests/vhost-user check
	$(MAKE) --no-print-directory -C $(FUZZ) check

fuzz: ## Fuzz the ring and memory code: TARGET= TIME= (seconds for each) or RUNS= (root)
	FUZZ_TIME=$(TIME) FUZZ_RUNS=$(RUNS) $(MAKE) --no-print-directory -C $(FUZZ) check \
		$(if $(TARGET),FUZZ_TARGET=$(TARGET)) FUZZ_KIND=$(or $(KIND),asan)

fuzz-corpus: ## Keep of what make fuzz found the inputs that go where no other does (root)
	@$(MAKE) --no-print-directory -C $(FUZZ) corpus

fuzz-coverage: ## Which lines of that code the kept inputs reach (root)
	@$(MAKE) --no-print-directory -C $(FUZZ) coverage

lint: ## Style and layering
	tools/selftests/lint/lint.sh

bench: ## Speed beside vhost-net, under an hour; QUICK=1 the goals alone (root)
	@tools/selftests/perf/bench.sh $(if $(QUICK),-q) $(if $(INSTRUCTIONS),-i) $(if $(NATIVE),-n) $(if $(POLLING),-p) $(if $(GUESTS),-g) $(K)

profile: ## Where the worker's instructions go, beside vhost-net's (root)
	@tools/selftests/perf/profile.sh

vm-image: ## Build the lab's images, of every kernel or K= (root)
	$(VM)/image.sh $(if $(filter command% environment,$(origin K)),$(K),6.12 6.1 7.3)

vm-shell: ## A shell in a host with kernel K=, vhostx loaded (root)
	@$(VM)/run.sh -s $(K)

vm-test: ## Run the tests T= (group or group/name; all) on kernel K= (root)
	@$(VM)/run.sh $(K) $(subst $(comma), ,$(T))

soak: ## Guests come, move and die under checked traffic for HOURS= (1; 0.1) (root)
	@VHOSTX_SOAK=$(shell awk 'BEGIN { printf "%d", $(HOURS) * 3600 }') $(VM)/run.sh $(K) soak

abi-doc: ## Documentation/abi.rst, from a test on every kernel (root)
	@$(VM)/abi-doc.sh

netlink: ## The C of the netlink family, from its specification (root)
	@$(VM)/netlink.sh

help: ## This list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' Makefile | expand -t 16
	@echo 'K= is 6.1, 6.12 or 7.3, or a debug kernel: kasan, kcsan. The lab caches in /var/cache/vhostx (VHOSTX_CACHE=).'

.DEFAULT_GOAL := module
.PHONY: module tools clean install module-install module-files tools-install uninstall deb \
	html man demo check check-long check-debug check-fast fuzz fuzz-corpus fuzz-coverage lint \
	bench profile vm-image vm-shell vm-test soak abi-doc netlink \
	help
