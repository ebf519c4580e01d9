# librondo: build/lib/librondo.{a,so}

LIB_SRC := $(wildcard lib/*.c)
LIB_A := $(OUT)/lib/librondo.a
LIB_SONAME := librondo.so.$(firstword $(subst ., ,$(VERSION)))
LIB_SO := $(OUT)/lib/librondo.so
ALL += $(LIB_A) $(LIB_SO)

$(LIB_A): $(call pic,$(LIB_SRC))
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# One version script per release says what is exported; all else is hidden.
LIB_MAP := $(wildcard lib/librondo.map)
$(LIB_SO): $(call pic,$(LIB_SRC)) $(LIB_MAP)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) $(LDFLAGS) -shared -Wl,-soname,$(LIB_SONAME) $(if $(SAN),,-Wl,--no-undefined) \
		$(LIB_MAP:%=-Wl,--version-script=%) -o $@ $(filter %.o,$^)
	$(Q)ln -sf librondo.so $(@D)/$(LIB_SONAME)

# Programs to read and to copy from: build/examples/NAME. tests/native/examples.sh runs them.
EXAMPLES := $(patsubst lib/examples/%.c,$(OUT)/examples/%,$(wildcard lib/examples/*.c))
ALL += $(EXAMPLES)

$(EXAMPLES): private LIBS = -pthread
$(EXAMPLES): $(OUT)/examples/%: $(OUT)/obj/lib/examples/%.o $(LIB_A)
	$(link)
