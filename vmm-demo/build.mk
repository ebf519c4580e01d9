# rondo-vmm: build/bin/rondo-vmm. x86-64 only, as its guests are; elsewhere it is left out, visibly.

# --api is libevent's; without it the rest is built all the same.
HAVE_EVENT := $(shell $(PKG_CONFIG) --exists libevent_extra libevent_core 2>/dev/null && echo 1)
ifeq ($(HAVE_EVENT),1)
VMM_SRC := $(filter-out %/api_none.c,$(wildcard vmm-demo/*.c))
VMM_EVENT_LIBS := $(shell $(PKG_CONFIG) --libs libevent_extra libevent_core)
else
VMM_SRC := $(filter-out %/api.c,$(wildcard vmm-demo/*.c))
VMM_EVENT_LIBS :=
$(info rondo-vmm is built without --api: libevent-dev is not here)
endif
VMM_GUESTS := $(wildcard vmm-demo/guests/*.S)
VMM_LIBS := $(VMM_EVENT_LIBS) -pthread -lm

ifneq ($(filter x86_64%,$(shell $(CC) -dumpmachine)),)
VMM_BIN := $(OUT)/bin/rondo-vmm
VMM_NAMES := $(OUT)/obj/vmm-demo/syscall_names
VMM_OBJ := $(call objects,$(VMM_SRC)) $(VMM_NAMES).o $(EXPOSITION_OBJ) $(VMM_GUESTS:%.S=$(OUT)/obj/%.o)
ALL += $(VMM_BIN)
else
VMM_OBJ :=
$(info rondo-vmm is not built: it runs x86-64 guests, and $(CC) compiles for $(shell $(CC) -dumpmachine))
endif

$(call objects,$(VMM_SRC)): private INC += $(EXPOSITION_INC)
$(OUT)/bin/rondo-vmm: private LIBS += $(VMM_LIBS)
$(OUT)/bin/rondo-vmm: $(VMM_OBJ) $(LIB_A)
	$(link)

# What a refused system call is called: the numbers are the kernel's headers'.
$(VMM_NAMES).c: vmm-demo/build.mk
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q){ echo '#include "sandbox.h"'; echo 'const char *const sandbox_names[] = {'; \
		echo '#include <asm/unistd.h>' | $(CC) -E -dM -x c - | \
		sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$$/	[\2] = "\1",/p' | sort -u; echo '};'; \
		echo 'const unsigned int sandbox_n_names = sizeof(sandbox_names) / sizeof(*sandbox_names);'; } >$@
$(VMM_NAMES).o: $(VMM_NAMES).c vmm-demo/sandbox.h
	$(call say,CC,$<)
	$(Q)$(CC) $(BASE_CFLAGS) $(CFLAGS) -Ivmm-demo -c -o $@ $<
$(call objects,vmm-demo/sandbox.c): private DEFS += -DRONDO_SANITIZED=$(if $(SANITIZE),1,0)

$(OUT)/obj/vmm-demo/guests/%.o: vmm-demo/guests/%.S Makefile
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP -c -o $@ $<

# Working with it, here or, with REMOTE=user@host, there. ARGS are rondo-vmm's options.
VMM_TARGETS := vmm-guest vmm-run vmm-demo vmm-check-kvm vmm-test vmm-bench
.PHONY: $(VMM_TARGETS) vmm-sync vmm-shell vmm-ssh
VMM_VARS := ARGS BENCH_SECONDS VMM_BENCH_ARGS GROUND_KERNEL VMM_KERNEL
export CMD $(VMM_VARS)
ifneq ($(REMOTE),)
export REMOTE REMOTE_DIR REMOTE_SSH
$(VMM_TARGETS):
	$(Q)BUILD=$(abspath $(OUT)) tools/remote.sh make $@ $(foreach v,$(VMM_VARS),$(if $($v),$v="$$$v"))
vmm-sync vmm-shell vmm-ssh:
	$(Q)BUILD=$(abspath $(OUT)) tools/remote.sh $(@:vmm-%=%) $(if $(filter vmm-ssh,$@),"$$CMD")
else
vmm-guest: ## make a Linux guest with phases of work for vmm-run (network, once)
	$(Q)BUILD=$(abspath $(OUT)) vmm-demo/workload/make.sh
vmm-run: $(VMM_BIN) ## run rondo-vmm with ARGS="..."; the guest of vmm-guest unless they name another
	$(Q)BUILD=$(abspath $(OUT)) tools/vmm.sh run $(ARGS)
vmm-demo: all ## watch a VM's phases of work in its own store
	$(Q)BUILD=$(abspath $(OUT)) tools/vmm.sh demo
vmm-check-kvm: $(VMM_BIN) ## can this machine run a VM?
	$(Q)BUILD=$(abspath $(OUT)) tools/vmm.sh check-kvm
vmm-test: all unit-tests ## rondo-vmm's tests
	$(Q)$(RUN) $(UNIT_VMM:%=unit:%) $(patsubst %,native:%,$(wildcard tests/native/vmm*.sh))
vmm-sync vmm-shell vmm-ssh:
	$(Q)echo "$@: REMOTE=user@host says where" >&2; exit 2
endif
