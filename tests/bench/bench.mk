# SPDX-License-Identifier: MIT
#
# Measures. trace-NAME.c is a program of its own; all other files are the bench.

BENCH_SRC := $(filter-out %/trace-make.c %/trace-speed.c %/trace-size.c,\
	$(sort $(wildcard tests/bench/*.c)))
BENCH_TOOLS := $(addprefix $(BUILD)/tests/bench/,bench trace-make trace-size trace-speed)
## bench: where the report goes
BENCH_REPORT ?= tests/bench/RESULTS.md
## bench: which of its tables; all of them if empty
BENCH ?=
## bench: the program odiff, from npm's package odiff-bin
ODIFF ?= odiff

$(BUILD)/tests/bench/bench: $(call objects,$(BENCH_SRC)) $(REPLAYER_OBJ) $(RECORDER_OBJ) $(LIBVGPU)
	@mkdir -p $(@D)
	$(link) -ldl
$(BUILD)/tests/bench/trace-make: $(call objects,tests/bench/scene.c)

.PHONY: bench
## measure speed and size beside others, and write tests/bench/RESULTS.md
bench: all $(BENCH_TOOLS)
	BUILD=$(BUILD) ODIFF=$(ODIFF) $(BUILD)/tests/bench/bench $(BENCH_REPORT) $(BENCH)
