# The BPF objects and their skeletons: $(OUT)/gen/bpf/*.skel.h. They need clang, bpftool and libbpf;
# without one of them HAVE_BPF is 0, make says so, and rondo-bpfd is left out.

BPF_ARCH := $(patsubst x86_64%,x86,$(patsubst aarch64%,arm64,$(shell $(CC) -dumpmachine)))
BPF_ARCH := $(filter x86 arm64,$(BPF_ARCH))
BPF_SRC := bpf/rondo.bpf.c bpf/probe.bpf.c bpf/events.bpf.c
BPF_GEN := $(OUT)/gen/bpf
BPF_SKEL := $(BPF_SRC:bpf/%.bpf.c=$(BPF_GEN)/%.skel.h)
# Only its headers are taken from the build machine; its kernel doesn't matter.
BPF_CFLAGS := -target bpf -O2 -g -mcpu=v3 -std=gnu11 -Wall -Wextra -Wno-unused-parameter \
	$(if $(filter 1,$(WERROR)),-Werror) -D__TARGET_ARCH_$(BPF_ARCH) -Ibpf -Ivendor \
	-idirafter /usr/include/$(shell $(CC) -print-multiarch)

BPF_MISSING := $(strip \
	$(if $(BPF_ARCH),,an_architecture_that_it_knows) \
	$(if $(shell command -v $(CLANG) 2>/dev/null),,$(CLANG)) \
	$(if $(shell command -v $(BPFTOOL) 2>/dev/null),,bpftool) \
	$(if $(shell printf '\043include <bpf/libbpf.h>' | $(CC) -E - >/dev/null 2>&1 && echo y),,libbpf-dev))
HAVE_BPF := $(if $(BPF_MISSING),0,1)
ifeq ($(HAVE_BPF),0)
$(info rondo-bpfd is not built: it needs $(subst _, ,$(BPF_MISSING)) (make deps))
endif

$(OUT)/obj/bpf/%.bpf.o: bpf/%.bpf.c Makefile bpf/build.mk
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(BPF_GEN)/%.skel.h: $(OUT)/obj/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >$@
