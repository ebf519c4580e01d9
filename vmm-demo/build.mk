# rondo-vmm: build/bin/rondo-vmm. x86-64 only, as its guests are; elsewhere it is left out, visibly.

VMM_SRC := $(wildcard vmm-demo/*.c)
VMM_GUESTS := $(wildcard vmm-demo/guests/*.S)
VMM_LIBS := -pthread -lm

ifneq ($(filter x86_64%,$(shell $(CC) -dumpmachine)),)
VMM_BIN := $(OUT)/bin/rondo-vmm
VMM_OBJ := $(call objects,$(VMM_SRC)) $(VMM_GUESTS:%.S=$(OUT)/obj/%.o)
ALL += $(VMM_BIN)
else
VMM_OBJ :=
$(info rondo-vmm is not built: it runs x86-64 guests, and $(CC) compiles for $(shell $(CC) -dumpmachine))
endif

$(OUT)/bin/rondo-vmm: private LIBS += $(VMM_LIBS)
$(OUT)/bin/rondo-vmm: $(VMM_OBJ) $(LIB_A)
	$(link)

$(OUT)/obj/vmm-demo/guests/%.o: vmm-demo/guests/%.S Makefile
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP -c -o $@ $<
