# SPDX-License-Identifier: MIT OR Apache-2.0
#
# rondo. `make help` lists the targets. Each folder's build.mk says what is built in it; this file
# has the rules they share.
#
#   V=1                 show the commands          O=dir      build there instead of build/
#   SANITIZE=address,undefined                     WERROR=0   warnings are not errors
#   prefix= DESTDIR=    where to install           CC= CLANG= BPFTOOL=

MAKEFLAGS += -rR --no-print-directory
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

version_part = $(shell sed -n 's/^\#define RONDO_VERSION_$(1)  *\([0-9]*\)$$/\1/p' lib/include/rondo.h)
VERSION := $(call version_part,MAJOR).$(call version_part,MINOR).$(call version_part,PATCH)

ifneq ($(filter default undefined,$(origin CC)),)
CC := gcc
endif
ifneq ($(filter default undefined,$(origin AR)),)
AR := ar
endif
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool /usr/local/sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
O ?= build
# An empty one would mean the root directory.
ifeq ($(strip $(O)),)
override O := build
endif
prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
sbindir ?= $(exec_prefix)/sbin
libdir ?= $(exec_prefix)/lib
includedir ?= $(prefix)/include
mandir ?= $(prefix)/share/man
docdir ?= $(prefix)/share/doc/rondo
unitdir ?= $(prefix)/lib/systemd/system
SANITIZE ?=
# What gcc guesses of the flow is wrong where the sanitizers are in it; a plain build decides.
WERROR ?= $(if $(SANITIZE),0,1)

# A sanitized build has its own tree, so that it never mixes objects with a plain one.
comma := ,
ifneq ($(SANITIZE),)
OUT := $(O)/$(subst $(comma),-,$(SANITIZE))
SAN := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
else
OUT := $(O)
SAN :=
endif

WARN := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wundef -Wshadow -Wpointer-arith \
	-Wwrite-strings $(if $(filter 1,$(WERROR)),-Werror)
CFLAGS ?= -O2 -g
BASE_CFLAGS := -std=gnu11 $(WARN) -D_GNU_SOURCE -fno-strict-aliasing $(SAN)
LDFLAGS ?=

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

# $(call objects,SOURCES): the objects of C sources. $(call pic,SOURCES): the same, for a shared library.
objects = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
pic = $(patsubst %.c,$(OUT)/obj/%.pic.o,$(1))

# Filled by the build.mk files: ALL with what `make` builds. Programs in $(OUT)/bin are installed.
ALL :=
PUBLIC_INCLUDE := -Ilib/include

# deps, test and demo install what is missing; what is there is for the makes that they start to see.
ifneq ($(if $(MAKECMDGOALS),$(filter-out deps test demo,$(MAKECMDGOALS)),all),)
include lib/build.mk
include bpf/build.mk
include userspace/build.mk
include tools/build.mk
include vmm-demo/build.mk
include tests/build.mk
endif

.PHONY: all
all: $(ALL) ## build everything (no root, no network)

# These use all CPUs, unless they were told a number.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: deps test demo lint
deps: ## install what build, test and demo need (Debian 12, root, network)
	$(Q)tools/deps.sh

test: ## install what is missing, build, pass all tests
	$(Q)tools/deps.sh --for test
	$(Q)$(MAKE) $(JOBS) all unit-tests
	$(Q)$(if $(SANITIZE),,$(MAKE) $(JOBS) SANITIZE=address$(comma)undefined unit-tests)
	$(Q)$(if $(SANITIZE),,$(MAKE) $(JOBS) SANITIZE=thread tsan-tests)
	$(Q)$(MAKE) -j1 test-run

demo: ## install what is missing, build, and watch a real VM for ten seconds
	$(Q)tools/deps.sh --for demo
	$(Q)$(MAKE) $(JOBS) all
	$(Q)BUILD=$(abspath $(OUT)) tools/demo.sh

lint: ## format, static analysis, include directions, scripts
	$(Q)tools/lint.sh

# Per-target variable INC adds include directories, DEFS adds defines.
$(OUT)/obj/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) $(CFLAGS) $(PUBLIC_INCLUDE) $(INC) $(DEFS) -MMD -MP -c -o $@ $<

$(OUT)/obj/%.pic.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) $(CFLAGS) $(PUBLIC_INCLUDE) $(INC) $(DEFS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

# link: the objects and archives in $^, librondo last as all others use it, then LIBS.
define link
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter-out $(LIB_A),$(filter %.a,$^)) \
		$(filter $(LIB_A),$^) $(LIBS)
endef

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)

include tools/install.mk

.PHONY: clean
clean: ## remove what was built
	$(call say,CLEAN,$(O))
	$(Q)rm -rf -- $(O)

.PHONY: help
help: ## this list
	@printf 'rondo %s\n\ntargets:\n' '$(VERSION)'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | sort | expand -t 16
	@printf '\nvariables: V=1  O=dir  SANITIZE=address,undefined  WERROR=0  DESTDIR=  prefix=\n'
