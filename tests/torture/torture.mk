# SPDX-License-Identifier: MIT
#
# Recorders that are killed at any moment.

## torture: how many recorders are killed
TORTURE_RUNS ?= 1000
## torture: where its random numbers begin; 0: by the clock
TORTURE_SEED ?= 0

TORTURE := $(BUILD)/tests/torture/torture
$(TORTURE) $(BUILD)/tests/torture/draw: $(call objects,tests/torture/drawing.c tests/torture/waits.c tests/unit/trace-file.c)
$(BUILD)/tests/programs/take-memory: $(call objects,tests/unit/picture-requests.c)

# Not instrumented: it is loaded into programs that are and into programs that are not.
$(BUILD)/tests/programs/faulty-disk.so: tests/programs/faulty-disk.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call step,CC)$(CC) $(filter-out $(INSTRUMENT),$(call flags,$<)) -fPIC -shared -o $@ $< \
		$(filter-out $(INSTRUMENT),$(LDFLAGS_ALL)) -ldl

.PHONY: faults
## record with a disk that is full, slow, broken or gone, into pipes, and who takes memory away
faults: all $(BUILD)/tests/torture/draw $(BUILD)/tests/programs/take-memory \
		$(BUILD)/tests/programs/faulty-disk.so
	BUILD=$(BUILD) EMULATOR='$(EMULATOR)' tests/programs/faults.sh

torture_run = $(EMULATOR) $(TORTURE) --seed $(TORTURE_SEED) --runs $(1) $(BUILD)/vgpu-record \
	$(EMULATOR)

.PHONY: torture torture-short
## kill -9 a live recording at random moments, and use what it left
torture: all $(TORTURE)
	$(call torture_run,$(TORTURE_RUNS))

# Neither an emulator nor a sanitizer is what the format's 100 ms were promised for.
torture-short: all $(TORTURE)
	$(call torture_run,30 $(if $(EMULATOR)$(SANITIZE),--limit 2000))
