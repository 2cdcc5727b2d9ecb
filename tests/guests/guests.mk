# SPDX-License-Identifier: MIT
#
# Real guests under a real QEMU: recordings anew, and the live test.

GUEST_TOOLS := $(BUILD)/tests/guests/qmp $(BUILD)/tests/guests/imgcmp
GUESTS := ruxos linux-console linux-modetest edk2

trace_of_ruxos := traces/ruxos_boot.trace
trace_of_linux-console := traces/linux_console.trace
trace_of_linux-modetest := traces/linux_modetest.trace
trace_of_edk2 := traces/edk2_console.trace

.PHONY: $(addprefix record-,$(GUESTS)) record-all
$(addprefix record-,$(GUESTS)): record-%: all $(GUEST_TOOLS)
	RUXOS_BIN='$(RUXOS_BIN)' BUILD=$(BUILD) tests/guests/run.sh -o $(trace_of_$*) $*
## record all guests of traces/ anew; one is record-GUEST
record-all: $(addprefix record-,$(GUESTS))

.PHONY: live
## boot real guests, record and replay them, compare with QEMU's screen
live: setup
	@$(MAKE) --no-print-directory all $(GUEST_TOOLS)
	@RUXOS_BIN='$(RUXOS_BIN)' BUILD=$(BUILD) tests/guests/live.sh

# The guest of a simulated hvisor, and what makes it one.
$(BUILD)/tests/guests/hvisor-zone: $(call objects,tests/guests/hvisor-zone.c \
		$(addprefix tests/hvisor-sim/,sim.c module.c sim_target.c)) \
		$(REPLAYER_OBJ) $(RECORDER_OBJ) $(LIBVGPU)
	@mkdir -p $(@D)
	$(link)

TARGET_BUILD ?= build-aarch64
TARGET_TOOLS := tests/guests/hvisor-zone tests/hvisor-sim/preload.so
.PHONY: live-target target-tools
target-tools: dist $(addprefix $(BUILD)/,$(TARGET_TOOLS))
## boot the arm64 tarball on an arm64 kernel that has nothing else
live-target: setup
	@scripts/setup.sh cross
	@$(MAKE) --no-print-directory all $(GUEST_TOOLS)
	@$(MAKE) --no-print-directory CROSS=aarch64 BUILD=$(TARGET_BUILD) sysroot
	@$(MAKE) --no-print-directory CROSS=aarch64 BUILD=$(TARGET_BUILD) target-tools
	@BUILD=$(BUILD) TARGET_BUILD=$(TARGET_BUILD) tests/guests/target.sh \
		$(TARGET_BUILD)/vgpu-$(VERSION)-aarch64.tar.gz

.PHONY: live-kms
## play recordings onto a real kernel's displays in QEMU, also with CROSS=aarch64
live-kms: setup
	@$(MAKE) --no-print-directory $(BUILD)/tests/guests/kms-play
	@$(MAKE) --no-print-directory CROSS= BUILD=build $(GUEST_TOOLS:$(BUILD)/%=build/%)
	@BUILD=build GUEST_BUILD=$(BUILD) CROSS=$(CROSS) SYSROOT=$(SYSROOT) tests/guests/kms.sh
