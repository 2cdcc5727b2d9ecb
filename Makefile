# SPDX-License-Identifier: MIT
#
# make                 build/vgpu-record, vgpu-replay, vgpu-trace, libvgpu.a
# make demo            set up, build, replay the RuxOS recording
# make conformance     set up, build, run all tests
# make help            every target and variable

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
CROSS ?=
SANITIZE ?=
COVERAGE ?=

ifneq ($(CROSS),)
TRIPLE := $(CROSS)-linux-gnu
ifeq ($(origin CC),default)
CC := $(TRIPLE)-gcc
endif
AR := $(TRIPLE)-ar
PKG_CONFIG ?= $(TRIPLE)-pkg-config
endif
PKG_CONFIG ?= pkg-config

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
OPTIMIZE ?= -O2 -g
CFLAGS_ALL = -std=gnu11 $(OPTIMIZE) $(WARNINGS) -fno-strict-aliasing -D_GNU_SOURCE -MMD -MP \
	$(PKG_CFLAGS) $(INSTRUMENT) $(CPPFLAGS) $(CFLAGS)
ifneq ($(SANITIZE),)
INSTRUMENT += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ifneq ($(COVERAGE),)
INSTRUMENT += --coverage -O0
endif

PACKAGES := pixman-1 libpng libcjson libzstd libxxhash
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)
LIBS = $(PKG_LIBS) -pthread -lm

# One folder may include what is below it, and nothing else: the include paths
# say so, and a wrong include does not compile.
INC_backend := -Ibackend
INC_recorder := $(INC_backend) -Irecorder
INC_replayer := $(INC_recorder) -Ireplayer
INC_tests := $(INC_replayer) -Itests

PROGRAMS := vgpu-record vgpu-replay vgpu-trace
MAINS := recorder/vgpu-record.c replayer/vgpu-replay.c replayer/vgpu-trace.c
BACKEND_SRC := $(sort $(wildcard backend/*.c backend/*/*.c))
RECORDER_SRC := $(filter-out $(MAINS),$(sort $(wildcard recorder/*.c)))
REPLAYER_SRC := $(filter-out $(MAINS),$(sort $(wildcard replayer/*.c replayer/*/*.c)))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
TOOL_SRC := $(sort $(wildcard tests/guests/*.c tests/bench/*.c tests/fuzz/*.c))
SOURCES := $(BACKEND_SRC) $(RECORDER_SRC) $(REPLAYER_SRC) $(wildcard $(MAINS)) $(UNIT_SRC) $(TOOL_SRC)
HEADERS := $(sort $(wildcard backend/*.h backend/*/*.h recorder/*.h replayer/*.h replayer/*/*.h tests/*.h tests/*/*.h))

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIBVGPU := $(BUILD)/libvgpu.a
RECORDER_OBJ := $(call objects,$(RECORDER_SRC))
REPLAYER_OBJ := $(call objects,$(REPLAYER_SRC))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all
all: $(LIBVGPU) $(addprefix $(BUILD)/,$(PROGRAMS))

# Objects are made again when the flags change (SANITIZE, CC, …).
FLAGS_FILE := $(BUILD)/flags
FLAGS_NOW = $(CC) $(CFLAGS_ALL)
$(shell mkdir -p $(BUILD); printf '%s\n' '$(FLAGS_NOW)' | cmp -s - $(FLAGS_FILE) || printf '%s\n' '$(FLAGS_NOW)' > $(FLAGS_FILE))

define compile_rule
$(BUILD)/obj/$(1)/%.o: $(1)/%.c $$(FLAGS_FILE)
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) $$(INC_$(1)) -c -o $$@ $$<
endef
$(foreach folder,backend recorder replayer tests,$(eval $(call compile_rule,$(folder))))

$(LIBVGPU): $(call objects,$(BACKEND_SRC))
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/vgpu-record: $(BUILD)/obj/recorder/vgpu-record.o $(RECORDER_OBJ) $(LIBVGPU)
	$(CC) $(INSTRUMENT) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/vgpu-replay $(BUILD)/vgpu-trace: $(BUILD)/%: $(BUILD)/obj/replayer/%.o $(REPLAYER_OBJ) $(RECORDER_OBJ) $(LIBVGPU)
	$(CC) $(INSTRUMENT) $(LDFLAGS) -o $@ $^ $(LIBS)

# ---- tests -------------------------------------------------------------------

$(BUILD)/unit-tests: $(call objects,$(UNIT_SRC)) $(REPLAYER_OBJ) $(RECORDER_OBJ) $(LIBVGPU)
	$(CC) $(INSTRUMENT) $(LDFLAGS) -o $@ $^ $(LIBS) -lcunit

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(REPLAYER_OBJ) $(RECORDER_OBJ) $(LIBVGPU)
	@mkdir -p $(@D)
	$(CC) $(INSTRUMENT) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: unit
unit: $(BUILD)/unit-tests all
	$(BUILD)/unit-tests

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(wildcard $(addsuffix .d,$(basename $(call objects,$(SOURCES)))))

-include tests/guests/guests.mk
