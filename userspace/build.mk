# rondo-bpfd: build/bin/rondo-bpfd, where bpf/build.mk found what it needs

USERSPACE_SRC := $(wildcard userspace/*.c)
USERSPACE_LIBS := $(LIB_A) $(shell $(PKG_CONFIG) --libs libbpf 2>/dev/null || echo -lbpf) -lelf -lz -pthread
USERSPACE_OBJ := $(call objects,$(USERSPACE_SRC))
BPFD := $(OUT)/bin/rondo-bpfd

ifeq ($(HAVE_BPF),1)
ALL += $(if $(wildcard userspace/main.c),$(BPFD))
endif

$(BPFD): private LIBS = $(USERSPACE_LIBS)
$(BPFD): $(USERSPACE_OBJ) $(LIB_A)
	$(link)

$(USERSPACE_OBJ): private INC += -Ibpf -isystem $(BPF_GEN)
$(USERSPACE_OBJ): | $(BPF_SKEL)
# -isystem keeps skeletons out of the .d files.
$(call objects,$(wildcard userspace/kernel*.c) userspace/capabilities.c): $(BPF_SKEL)
