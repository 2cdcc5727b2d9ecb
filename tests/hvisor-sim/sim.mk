# SPDX-License-Identifier: MIT
#
# The daemon of hvisor on a simulated hypervisor.

HVISOR_SIM := $(BUILD)/tests/hvisor-sim
HVISOR_SIM_SRC := $(filter-out %/preload.c %/bad-daemon.c,$(sort $(wildcard tests/hvisor-sim/*.c)))
HVISOR_SIM_TOOLS := $(addprefix $(HVISOR_SIM)/,hvisor-test bad-daemon preload.so)

$(HVISOR_SIM)/hvisor-test: $(call objects,$(HVISOR_SIM_SRC)) $(REPLAYER_OBJ) $(RECORDER_OBJ) $(LIBVGPU)
	@mkdir -p $(@D)
	$(link) -lcunit

# Not instrumented: it is loaded into programs that are and into programs that are not.
$(HVISOR_SIM)/preload.so: tests/hvisor-sim/preload.c tests/hvisor-sim/wire.h $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call step,CC)$(CC) $(filter-out $(INSTRUMENT),$(call flags,$<)) -fPIC -shared -o $@ $< \
		$(filter-out $(INSTRUMENT),$(LDFLAGS_ALL)) -ldl

.PHONY: hvisor-sim hvisor-bench
## record guests of a simulated hvisor, all golden sets among them
hvisor-sim: all $(HVISOR_SIM_TOOLS)
	EMULATOR='$(EMULATOR)' $(EMULATOR) $(HVISOR_SIM)/hvisor-test

## time from a zone's register access to its answer
hvisor-bench: all $(HVISOR_SIM_TOOLS)
	$(HVISOR_SIM)/hvisor-test --bench
