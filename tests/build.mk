# Tests and benchmarks. A suite's name says what it is linked with:
#
#	tests/unit/lib_internal_*.c  librondo, and may include its private headers
#	tests/unit/lib_*.c           librondo, through its public header alone
#	tests/unit/collector_*.c     userspace/ without its main.c
#	tests/unit/cli_*.c           tools/ without its main.c
#	tests/unit/vmm_*.c           vmm-demo/ without its main.c
#	tests/bench/rrd.c            tools/'s bench and librrd (GPL: never installed), where that is
#
# tests/native/*.sh and tests/nested/ print TAP themselves. tests/run.sh runs and counts.

UNIT_SRC := $(wildcard tests/unit/*.c)
UNIT := $(UNIT_SRC:tests/unit/%.c=$(OUT)/tests/%)
UNIT_LIB := $(filter $(OUT)/tests/lib_%,$(UNIT))
UNIT_COLLECTOR := $(filter $(OUT)/tests/collector_%,$(UNIT))
UNIT_CLI := $(filter $(OUT)/tests/cli_%,$(UNIT))
UNIT_VMM := $(filter $(OUT)/tests/vmm_%,$(UNIT))
NATIVE := $(wildcard tests/native/*.sh)
# The peer to measure against; without its headers `make bench` says so and does without.
BENCH_RRD := $(OUT)/tests/bench_rrd
HAVE_RRD := $(shell $(PKG_CONFIG) --exists librrd 2>/dev/null && echo 1)

UNIT_ODD := $(filter-out $(UNIT_LIB) $(UNIT_COLLECTOR) $(UNIT_CLI) $(UNIT_VMM),$(UNIT))
ifneq ($(UNIT_ODD),)
$(error $(notdir $(UNIT_ODD)): a suite in tests/unit is named lib_*, collector_*, cli_* or vmm_*)
endif

# A part's objects without its main, as an archive: a suite takes what it needs of it.
PARTS := userspace tools vmm-demo
$(OUT)/tests/part-userspace.a: $(filter-out %/main.o,$(USERSPACE_OBJ))
$(OUT)/tests/part-tools.a: $(filter-out %/main.o,$(CLI_OBJ))
$(OUT)/tests/part-vmm-demo.a: $(filter-out %/main.o,$(VMM_OBJ))
$(PARTS:%=$(OUT)/tests/part-%.a):
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(UNIT_COLLECTOR): $(OUT)/tests/part-userspace.a
$(UNIT_COLLECTOR): private LIBS += $(USERSPACE_LIBS)
$(UNIT_CLI): $(OUT)/tests/part-tools.a
$(UNIT_CLI): private LIBS += $(CLI_LIBS)
$(UNIT_VMM): $(OUT)/tests/part-vmm-demo.a
$(UNIT_VMM): private LIBS += $(VMM_LIBS)

# private: else a suite's include directories would be those of all that it is linked with.
unit_objects = $(1:$(OUT)/tests/%=$(OUT)/obj/tests/unit/%.o)
$(call unit_objects,$(UNIT_COLLECTOR)): private INC += -Iuserspace -Ibpf
$(call unit_objects,$(UNIT_CLI)): private INC += -Itools $(EXPOSITION_INC)
$(call unit_objects,$(UNIT_VMM)): private INC += -Ivmm-demo $(EXPOSITION_INC)
$(call unit_objects,$(filter $(OUT)/tests/lib_internal_%,$(UNIT))): private INC += -Ilib

CHECK_LIBS = $(shell $(PKG_CONFIG) --libs check 2>/dev/null || echo -lcheck) -lm -pthread
$(UNIT): private LIBS += $(CHECK_LIBS)
$(UNIT): $(OUT)/tests/%: $(OUT)/obj/tests/unit/%.o $(LIB_A)
	$(link)

$(BENCH_RRD): private LIBS = $(shell $(PKG_CONFIG) --libs librrd) -pthread
$(call objects,tests/bench/rrd.c): private INC += -Itools $(EXPOSITION_INC)
$(BENCH_RRD): $(call objects,tests/bench/rrd.c) $(OUT)/tests/part-tools.a $(LIB_A)
	$(link)

# Part A of make bench-vmm.
BENCH_VMM := $(OUT)/tests/bench_vmm_exit
$(BENCH_VMM): private LIBS = $(VMM_LIBS)
$(call objects,tests/bench/vmm_exit.c): private INC += -Ivmm-demo $(EXPOSITION_INC)
$(BENCH_VMM): $(call objects,tests/bench/vmm_exit.c) $(OUT)/tests/part-vmm-demo.a $(LIB_A)
	$(link)

# What tests/native/second_reader.sh writes stores with: librondo, through its public header alone.
MAKE_STORE := $(OUT)/tests/make_store
ALL += $(MAKE_STORE)

$(MAKE_STORE): private LIBS = -lm -pthread
$(MAKE_STORE): $(call objects,tests/helpers/make_store.c) $(LIB_A)
	$(link)

# VMs of a few milliseconds, for the collector's tests.
CHURN := $(OUT)/tests/churn
ALL += $(CHURN)

$(CHURN): private LIBS = -pthread
$(CHURN): $(call objects,tests/helpers/churn.c)
	$(link)

# What tests/native/vmm_cross.sh asks for the cost of a KVM_RUN.
KVM_RUN_COST := $(OUT)/tests/kvm_run_cost
ALL += $(KVM_RUN_COST)

$(KVM_RUN_COST): $(call objects,tests/helpers/kvm_run_cost.c)
	$(link)

# This one counts, and fails, what the library allocates.
HEAP := malloc calloc realloc aligned_alloc strdup strndup free
$(OUT)/tests/lib_alloc: private LDFLAGS += $(HEAP:%=-Wl,--wrap=%)

# Fuzz targets: with libFuzzer for `make fuzz`, with a main that replays their corpus for `make test`.
# fuzz_vmm_*.c take sources of vmm-demo, the others the library's.
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
ifeq ($(VMM_OBJ),)
FUZZ_SRC := $(filter-out tests/fuzz/fuzz_vmm_%,$(FUZZ_SRC))
endif
FUZZ := $(FUZZ_SRC:tests/fuzz/%.c=$(OUT)/fuzz/%)
FUZZ_REPLAY := $(FUZZ_SRC:tests/fuzz/%.c=$(OUT)/tests/%)
FUZZ_SECONDS ?= 60
FUZZ_FLAGS := -std=gnu11 -O1 -g -D_GNU_SOURCE -fno-strict-aliasing \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

FUZZ_VMM := vmm-demo/bzimage.c vmm-demo/virtqueue.c vmm-demo/vm.c
FUZZ_VMM_REPLAY := $(filter $(OUT)/tests/fuzz_vmm_%,$(FUZZ_REPLAY))

$(FUZZ_VMM_REPLAY): $(OUT)/tests/part-vmm-demo.a
$(patsubst $(OUT)/tests/%,$(OUT)/obj/tests/fuzz/%.o,$(FUZZ_VMM_REPLAY)): private INC += -Ivmm-demo
$(FUZZ_REPLAY): private LIBS = -lm -pthread
$(FUZZ_REPLAY): $(OUT)/tests/%: $(OUT)/obj/tests/fuzz/%.o $(call objects,tests/fuzz/replay.c) $(LIB_A)
	$(link)

$(FUZZ): $(OUT)/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.h $(wildcard lib/*.[ch] lib/include/*.h) $(FUZZ_VMM)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) $(PUBLIC_INCLUDE) -Ivmm-demo -o $@ $< \
		$(if $(filter fuzz_vmm_%,$(@F)),$(FUZZ_VMM),$(wildcard lib/*.c)) -lm -pthread

# Also linked with librrd: GPL, so this suite is never installed.
UNIT_RRD := $(OUT)/tests/lib_rrd
$(UNIT_RRD): private LIBS += $(shell $(PKG_CONFIG) --libs librrd 2>/dev/null)

# Without clang or bpftool there is no collector, and its suites count as skipped.
ifeq ($(HAVE_BPF),0)
UNIT_BUILT := $(filter-out $(UNIT_COLLECTOR),$(UNIT))
UNIT_ABSENT := $(patsubst $(OUT)/tests/%,'absent:%:rondo-bpfd is not built: no clang or bpftool',$(UNIT_COLLECTOR))
else
UNIT_BUILT := $(UNIT)
UNIT_ABSENT :=
endif
ifeq ($(HAVE_RRD),)
UNIT_BUILT := $(filter-out $(UNIT_RRD),$(UNIT_BUILT))
UNIT_ABSENT += 'absent:lib_rrd:not compared with rrdtool: librrd-dev is not here'
endif

RUN = BUILD=$(abspath $(OUT)) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run.sh
SUITES_UNIT = $(UNIT_BUILT:%=unit:%) $(UNIT_ABSENT)
SUITES_ASAN = $(patsubst $(OUT)/tests/%,asan:$(OUT)/address-undefined/tests/%,$(UNIT_BUILT))
# Suites with threads, under ThreadSanitizer; the others have nothing for it to find.
TSAN := $(filter %/lib_threads %/lib_live %/lib_record %/lib_internal_verify,$(UNIT))
SUITES_TSAN = $(patsubst $(OUT)/tests/%,tsan:$(OUT)/thread/tests/%,$(TSAN))
# Suites that have a long form, and the fuzz targets.
SUITES_LONG = $(patsubst tests/unit/%.c,long:$(OUT)/tests/%,$(shell grep -l 'long_form()' $(UNIT_SRC))) \
	$(if $(shell command -v $(CLANG)),$(FUZZ:%=fuzz:%),'absent:fuzz:no clang')
SUITES_NATIVE = $(NATIVE:%=native:%)
SUITES_NESTED = nested:tests/nested/run.sh

.PHONY: unit-tests test-unit test-native test-nested test-bare bench bench-scale bench-vmm fuzz ground-shell
# The sanitized collector is what tests/native/soak.sh runs.
unit-tests: $(UNIT_BUILT) $(FUZZ_REPLAY) $(if $(filter address%,$(SANITIZE)),$(filter $(BPFD),$(ALL)))
test-native: $(FUZZ_REPLAY)

.PHONY: test-run bench-collector soak
test-run:
	$(Q)$(RUN) $(SUITES_UNIT) $(if $(SANITIZE),,$(SUITES_ASAN) $(SUITES_TSAN)) $(SUITES_NATIVE) $(SUITES_NESTED)

.PHONY: tsan-tests test-tsan test-full
tsan-tests: $(TSAN)

test-tsan: ## the suites with threads, under ThreadSanitizer (part of make test)
	$(Q)$(MAKE) SANITIZE=thread tsan-tests
	$(Q)$(RUN) $(SUITES_TSAN)

test-full: all unit-tests ## the long forms: 10,000 kills, 100,000 power losses, 10^8 reads, ... (about an hour)
	$(Q)$(if $(shell command -v $(CLANG)),$(MAKE) $(FUZZ))
	$(Q)RONDO_TEST_LONG=1 BOOT_TIMEOUT=1200 $(RUN) $(SUITES_LONG) $(SUITES_NESTED)

test-unit: unit-tests ## build and run the unit tests only
	$(Q)$(RUN) $(SUITES_UNIT)

test-native: all ## run the tests that use this machine's kernel and /dev/kvm
	$(Q)$(RUN) $(SUITES_NATIVE)

test-nested: all ## run the tests in the nested ground
	$(Q)$(RUN) $(SUITES_NESTED)

test-bare: ## build and test in an empty Debian 12 (root, network, debootstrap)
	$(Q)tools/deps.sh --for bare
	$(Q)BUILD=$(abspath $(OUT)) tests/bare.sh

fuzz: $(FUZZ) ## run each fuzz target for FUZZ_SECONDS (60) seconds (clang)
	$(Q)$(RUN) $(FUZZ:%=fuzz:%)

ground-shell: all ## a shell in the nested ground
	$(Q)BUILD=$(abspath $(OUT)) tests/nested/ground.sh shell

# BENCH_ARGS: --json, --quick, a directory
bench: $(CLI) $(if $(HAVE_RRD),$(BENCH_RRD)) ## build and run the benchmarks (BENCH_ARGS="--json DIRECTORY")
	$(Q)$(CLI) bench $(BENCH_ARGS)
	$(Q)$(if $(HAVE_RRD),$(BENCH_RRD) $(BENCH_ARGS),echo 'bench: not measured against librrd: librrd-dev is not here' >&2)

bench-collector: all ## measure what rondo-bpfd costs beside perf and bpftrace (root, /dev/kvm; BENCH_ARGS="--json --quick")
	$(Q)BUILD=$(abspath $(OUT)) tests/bench/collector.sh $(BENCH_ARGS)

# The rest of `make test` has a short form of it.
soak: all ## ten minutes of churn under the sanitized collector (root, /dev/kvm; RONDO_SOAK_SECONDS)
	$(Q)$(MAKE) SANITIZE=address$(comma)undefined $(O)/address-undefined/bin/rondo-bpfd
	$(Q)RONDO_SOAK_SECONDS=$${RONDO_SOAK_SECONDS:-600} $(RUN) native:tests/native/soak.sh

bench-scale: $(CLI) ## measure 200,000 series at 1 Hz for two minutes (BENCH_ARGS="--seconds 600 DIRECTORY")
	$(Q)$(CLI) bench --scale $(BENCH_ARGS)

# BENCH_SECONDS: how long each way of part B is watched. VMM_BENCH_ARGS: --json, --docs, --quick, a directory
ifeq ($(REMOTE),)
vmm-bench: bench-vmm
endif
bench-vmm: all $(BENCH_VMM) ## measure rondo-vmm's recording, and beside a real Prometheus (root, BENCH_SECONDS=60)
	$(Q)BUILD=$(abspath $(OUT)) BENCH_SECONDS=$(or $(BENCH_SECONDS),60) tools/bench-vmm.sh $(VMM_BENCH_ARGS)
