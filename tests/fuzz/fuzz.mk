# SPDX-License-Identifier: MIT
#
# Fuzzers: NAME-fuzz.c is the fuzzer NAME; the other files are shared.

FUZZERS := $(patsubst tests/fuzz/%-fuzz.c,%,$(sort $(wildcard tests/fuzz/*-fuzz.c)))
## fuzz: which of the fuzzers
FUZZ ?= $(FUZZERS)
## fuzz: how long each of them runs
FUZZ_SECONDS ?= 60
## fuzz: the compiler, which must be a clang
FUZZ_CC ?= clang

FUZZ_SHARED := $(call objects,$(addprefix tests/fuzz/,program.c commands.c rings.c))
FUZZ_PROGRAMS := $(patsubst %,$(BUILD)/tests/fuzz/%-fuzz,$(FUZZERS))

$(FUZZ_PROGRAMS): $(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_SHARED) \
		$(REPLAYER_OBJ) $(RECORDER_OBJ) $(LIBVGPU)
	@mkdir -p $(@D)
	$(link) -fsanitize=fuzzer
# Those that take programs.
$(filter-out %/json-fuzz,$(FUZZ_PROGRAMS)): $(BUILD)/obj/tests/fuzz/mutate.o
$(BUILD)/tests/fuzz/trace-fuzz: $(call objects,tests/fuzz/trace-forge.c tests/unit/trace-file.c)
$(BUILD)/tests/fuzz/json-fuzz: $(call objects,tests/unit/trace-file.c \
	$(addprefix tests/conformance/runner/,profile.c results.c json_file.c outcome.c requirements.c))
$(BUILD)/tests/fuzz/make-seeds: $(call objects,$(addprefix tests/fuzz/,make-seeds.c seeds.c trace-seeds.c)) \
		$(FUZZ_SHARED) $(REPLAYER_OBJ) $(RECORDER_OBJ) $(LIBVGPU)
	@mkdir -p $(@D)
	$(link) -fsanitize=fuzzer-no-link

# What a fuzzer itself does is nothing to be explored.
$(BUILD)/obj/tests/fuzz/%.o: private INSTRUMENT := \
	$(filter-out -fsanitize=fuzzer-no-link,$(INSTRUMENT))

# Sanitizers have places of their own in memory, which a kernel that places the rest with more
# than 28 random bits may have used (vm.mmap_rnd_bits). In some containers one cannot ask for that.
PLACED = $(shell setarch -R true 2>/dev/null && echo setarch -R)

.PHONY: fuzz fuzz-programs
fuzz-programs: $(patsubst %,$(BUILD)/tests/fuzz/%-fuzz,$(FUZZ)) $(BUILD)/tests/fuzz/make-seeds

## let hostile input loose on device, files and sockets
fuzz:
	@$(MAKE) --no-print-directory BUILD=build-fuzz CC='$(FUZZ_CC)' FUZZER=1 SANITIZE=1 \
		FUZZ='$(FUZZ)' fuzz-programs
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(PLACED) tests/fuzz/fuzz.sh build-fuzz $(FUZZ)

.PHONY: race
## find data races: of the device with its guest, of recorder and replay with their threads
race:
	@$(MAKE) --no-print-directory BUILD=build-tsan CC='$(FUZZ_CC)' SANITIZE=thread \
		build-tsan/unit-tests
	TSAN_OPTIONS=suppressions=tests/fuzz/tsan.supp:halt_on_error=1 \
		$(PLACED) build-tsan/unit-tests double-fetch queue trace trace-damage trace_ahead pool \
		recorder screen golden player rotate last
