# librondo: build/lib/librondo.{a,so}

LIB_SRC := $(wildcard lib/*.c)
LIB_A := $(OUT)/lib/librondo.a
ALL += $(LIB_A)

$(LIB_A): $(call pic,$(LIB_SRC))
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
