# tools: build/bin/rondo-bpf-cli

# How series, numbers and times are written for others: rondo-vmm speaks that way, too.
EXPOSITION_OBJ := $(call objects,$(wildcard tools/exposition/*.c))
EXPOSITION_INC := -Itools/exposition

CLI_SRC := $(wildcard tools/*.c)
CLI_OBJ := $(call objects,$(CLI_SRC)) $(EXPOSITION_OBJ)
$(call objects,$(CLI_SRC)): private INC += $(EXPOSITION_INC)
# librondo once more: a suite names it before the tools' archive, which needs it.
CLI_LIBS := $(LIB_A) -pthread
CLI := $(OUT)/bin/rondo-bpf-cli
ALL += $(CLI)

$(CLI): private LIBS = $(CLI_LIBS)
$(CLI): $(CLI_OBJ) $(LIB_A)
	$(link)

# What tests/native/export.sh records with: librondo, through its public header alone.
RECORD_SERIES := $(OUT)/tests/record_series
ALL += $(RECORD_SERIES)

$(RECORD_SERIES): private LIBS = -lm -pthread
$(RECORD_SERIES): $(call objects,tests/helpers/record_series.c) $(LIB_A)
	$(link)
