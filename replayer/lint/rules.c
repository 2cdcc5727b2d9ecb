/* SPDX-License-Identifier: MIT */
#include "lint/rules.h"

#include "lint/limits.h"

#include <string.h>

#define TEXT(x)	 TEXT_(x)
#define TEXT_(x) #x

static const struct lint_rule rules[] = {
	/* ---- features ---- */
	[FEA_001] = {"VD-FEA-001", LINT_ERROR,
		     "VIRTIO_F_VERSION_1 is accepted where it is offered.",
		     "Accept bit 32; a device may refuse FEATURES_OK without it, and many do.",
		     "6.1 Driver Requirements: Reserved Feature Bits"},
	[FEA_002] = {"VD-FEA-002", LINT_ERROR, "No feature is accepted that was not offered.",
		     "Write the AND of what the device offers and what the driver knows.",
		     "2.2.1 Driver Requirements: Feature Bits"},
	[FEA_003] = {"VD-FEA-003", LINT_ERROR,
		     "No feature is accepted without the feature that it needs.",
		     "Accept both or neither: CONTEXT_INIT needs VIRGL.",
		     "2.2.1 Driver Requirements: Feature Bits; 5.7.3"},
	[FEA_004] = {"VD-FEA-004", LINT_ERROR, "No feature is accepted after FEATURES_OK.",
		     "Write DriverFeatures between DRIVER and FEATURES_OK; to change it, reset.",
		     "3.1.1 Driver Requirements: Device Initialization"},
	/* ---- initialization; where register accesses were recorded ---- */
	[INI_001] = {"VD-INI-001", LINT_ERROR,
		     "A status bit is set only after those before it: ACKNOWLEDGE, DRIVER, "
		     "FEATURES_OK, DRIVER_OK.",
		     "Follow the steps of the initialization in their order.",
		     "3.1.1 Driver Requirements: Device Initialization"},
	[INI_002] = {"VD-INI-002", LINT_ERROR, "No status bit is cleared except by a reset.",
		     "Write the bits that are set, and the new one.",
		     "2.1.1 Driver Requirements: Device Status Field"},
	[INI_003] =
		{"VD-INI-003", LINT_ERROR, "Status is read back after FEATURES_OK was set.",
		 "Read Status; if FEATURES_OK is not there, the device does not work like that.",
		 "3.1.1 Driver Requirements: Device Initialization, step 6"},
	[INI_004] = {"VD-INI-004", LINT_ERROR, "The device is reset before anything else is done.",
		     "Write 0 to Status first; a driver before may have left it running.",
		     "3.1.1 Driver Requirements: Device Initialization, step 1"},
	[INI_005] = {"VD-INI-005", LINT_ERROR,
		     "Queues are set up after FEATURES_OK and before DRIVER_OK.",
		     "Move QueueReady between the two: what a queue is depends on the features.",
		     "3.1.1 Driver Requirements: Device Initialization, steps 5 to 8"},
	[INI_006] = {"VD-INI-006", LINT_ERROR, "No queue is notified before DRIVER_OK.",
		     "Notify after DRIVER_OK; before it the device takes no buffer.",
		     "3.1.1 Driver Requirements: Device Initialization"},
	[INI_007] = {"VD-INI-007", LINT_ERROR,
		     "MagicValue, Version and DeviceID are checked before the device is used.",
		     "Read the three first; a free slot of virtio-mmio has DeviceID 0.",
		     "4.2.3.1.1 Driver Requirements: Device Initialization"},
	/* ---- queues ---- */
	[QUE_001] = {"VD-QUE-001", LINT_ADVICE, "The control queue has room for two requests.",
		     "Make the queue larger or accept INDIRECT_DESC, so that a transfer and its "
		     "flush can be queued together.",
		     "2.7.5: a request is two descriptors at least"},
	[QUE_002] = {"VD-QUE-002", LINT_ERROR,
		     "A split queue's size is a power of 2 and not above QueueSizeMax.",
		     "Take the smaller of QueueSizeMax and what the driver wants.",
		     "2.7 Split Virtqueues; 4.2.2.2 Driver Requirements"},
	[QUE_003] = {"VD-QUE-003", LINT_ERROR,
		     "Size and addresses of a queue are left alone while QueueReady is not 0.",
		     "Write QueueReady last; to change a queue, reset the device.",
		     "4.2.2.2 Driver Requirements: MMIO Device Register Layout"},
	[QUE_004] = {"VD-QUE-004", LINT_ERROR,
		     "No chain has more descriptors than the queue has entries.",
		     "Cut the request into fewer pieces, also in an indirect table.",
		     "2.7.5.2, 2.7.5.3.1 Driver Requirements: Indirect Descriptors"},
	[QUE_005] = {"VD-QUE-005", LINT_ERROR,
		     "Indirect tables are used only with VIRTIO_F_INDIRECT_DESC.",
		     "Accept INDIRECT_DESC if it is offered, or chain the descriptors.",
		     "2.7.5.3.1 Driver Requirements: Indirect Descriptors"},
	[QUE_006] = {"VD-QUE-006", LINT_ADVICE,
		     "A request that fits into one page is not cut into more than " TEXT(
			     LINT_DESCS_PLENTY) " descriptors.",
		     "Put the request into one buffer and the answer into another.",
		     "2.7.4.2 Driver Requirements: Message Framing (SHOULD NOT)"},
	/* ---- registers ---- */
	[REG_001] = {"VD-REG-001", LINT_ERROR,
		     "Control registers are accessed with 32 bits, aligned.",
		     "Use 32-bit loads and stores below offset 0x100.",
		     "4.2.2.2 Driver Requirements: MMIO Device Register Layout"},
	[REG_002] = {"VD-REG-002", LINT_ERROR,
		     "Only registers that exist are accessed, and in the direction that they have.",
		     "Look the offset up in the table; events_read and num_scanouts are read-only.",
		     "4.2.2.2 Driver Requirements: MMIO Device Register Layout; 5.7.4"},
	[REG_003] = {"VD-REG-003", LINT_ERROR,
		     "DeviceFeaturesSel and DriverFeaturesSel are written before the features.",
		     "Write the selector each time, also 0 for the first word.",
		     "4.2.2.2 Driver Requirements: MMIO Device Register Layout"},
	/* ---- interrupts and notifications ---- */
	[INT_001] =
		{"VD-INT-001", LINT_WARNING, "Interrupts are acknowledged.",
		 "Write InterruptACK, or set VIRTQ_AVAIL_F_NO_INTERRUPT while polling; the line "
		 "stays raised otherwise.",
		 "4.2.2.2 Driver Requirements: MMIO Device Register Layout"},
	[INT_002] = {"VD-INT-002", LINT_ERROR, "InterruptACK gets defined bits only.",
		     "Write back what InterruptStatus said, and of that bits 0 and 1.",
		     "4.2.2.2 Driver Requirements: MMIO Device Register Layout"},
	[INT_003] = {"VD-INT-003", LINT_WARNING, "A queue is notified only of new requests.",
		     "Notify after the available index moved; each notify is a trap.",
		     "2.7.13 Supplying Buffers to The Device"},
	[INT_004] =
		{"VD-INT-004", LINT_ADVICE,
		 "Of " TEXT(LINT_ANSWERS_MANY) " answers and more, some come without an interrupt.",
		 "Accept EVENT_IDX, or set VIRTQ_AVAIL_F_NO_INTERRUPT while answers are polled for "
		 "or awaited in a batch.",
		 "2.7.7 Used Buffer Notification Suppression"},
	/* ---- time ---- */
	[TIM_001] =
		{"VD-TIM-001", LINT_ADVICE,
		 "A flush is queued together with its transfer, not after the answer to it.",
		 "Queue both and notify once: the device executes them in order.",
		 "A head that comes again at once was free, so the request before was answered"},
	/* ---- displays ---- */
	[DSP_001] = {"VD-DSP-001", LINT_WARNING,
		     "GET_DISPLAY_INFO is asked before the first picture is shown.",
		     "Ask, and take the size of the first enabled scanout.",
		     "5.7.5 Device Initialization (SHOULD)"},
	[DSP_002] = {"VD-DSP-002", LINT_ADVICE, "GET_EDID is asked where EDID was accepted.",
		     "Ask for the EDID of each enabled scanout, or do not accept the feature.",
		     "5.7.5 Device Initialization (SHOULD)"},
	[DSP_003] = {"VD-DSP-003", LINT_WARNING,
		     "The driver asks for the displays again when it is told that they changed.",
		     "On a configuration change with events_read.DISPLAY ask GET_DISPLAY_INFO.",
		     "5.7.4.2 Events (SHOULD)"},
	[DSP_004] = {"VD-DSP-004", LINT_WARNING,
		     "An event that was read in events_read is cleared by events_clear.",
		     "Write the bits to events_clear; the next event cannot be told from this one "
		     "otherwise.",
		     "5.7.4 Device configuration layout"},
	/* ---- messages ---- */
	[MSG_001] =
		{"VD-MSG-001", LINT_ERROR, "A request is as long as its command.",
		 "Give the device all of the structure, and of a list as many entries as it says.",
		 "5.7.6.8 Device Operation: controlq"},
	[MSG_002] =
		{"VD-MSG-002", LINT_WARNING, "Nothing follows the command in its descriptors.",
		 "Set the descriptor's length to that of the structure: what follows is stale, and "
		 "a later version may give it a meaning.",
		 "5.7.6.7 Device Operation: Request header"},
	[MSG_003] = {"VD-MSG-003", LINT_WARNING, "Padding is zero.",
		     "Clear the buffer before the fields are set.",
		     "Padding got a meaning before: ring_idx of the header was padding"},
	[MSG_004] =
		{"VD-MSG-004", LINT_ERROR, "There is room for the whole answer.",
		 "Give a device-writable buffer as long as the answer's structure, of at least 24 "
		 "bytes.",
		 "5.7.6.8 Device Operation: controlq"},
	[MSG_005] = {"VD-MSG-005", LINT_ERROR, "A request is one of the specification's commands.",
		     "Check the type and its byte order (little-endian).",
		     "5.7.6.7 Device Operation: Request header"},
	[MSG_006] =
		{"VD-MSG-006", LINT_ERROR,
		 "A command of a feature is used only if the feature was accepted.",
		 "Negotiate the feature first, and do without the command where it is not offered.",
		 "5.7.3 Feature bits; 5.7.6.8"},
	[MSG_007] = {"VD-MSG-007", LINT_ERROR, "A command is put on its own queue.",
		     "UPDATE_CURSOR and MOVE_CURSOR go to queue 1, all others to queue 0.",
		     "5.7.2 Virtqueues; 5.7.6.10 Device Operation: cursorq"},
	[MSG_008] = {"VD-MSG-008", LINT_WARNING,
		     "The header's flags are FENCE and, with CONTEXT_INIT, INFO_RING_IDX.",
		     "Set no other bit; a later version may give it a meaning.",
		     "5.7.6.7 Device Operation: Request header"},
	[MSG_009] =
		{"VD-MSG-009", LINT_WARNING, "Requests are not answered with an error.",
		 "Look at the answer; the driver's picture of the device is wrong from there on.",
		 "5.7.6.7 Device Operation: Request header"},
	/* ---- fences ---- */
	[FEN_001] =
		{"VD-FEN-001", LINT_WARNING, "Each fence of a timeline has a larger id.",
		 "Count fence ids up; an id that comes again cannot be told from the one before.",
		 "5.7.6.7 Device Operation: Request header"},
	[FEN_002] = {"VD-FEN-002", LINT_WARNING, "A fence id comes with VIRTIO_GPU_FLAG_FENCE.",
		     "Set the flag, or leave fence_id 0: without the flag there is no fence.",
		     "5.7.6.7 Device Operation: Request header"},
	[FEN_003] = {"VD-FEN-003", LINT_WARNING,
		     "The transfer of a cursor's picture is fenced before UPDATE_CURSOR.",
		     "Set VIRTIO_GPU_FLAG_FENCE and wait: the two queues are not ordered.",
		     "5.7.6.6 Cursor updates (\"make sure they are completed\")"},
	/* ---- resources ---- */
	[RES_001] = {"VD-RES-001", LINT_ERROR, "No resource has the id 0.",
		     "Count ids from 1; 0 means none in SET_SCANOUT and UPDATE_CURSOR.",
		     "5.7.6.8 Device Operation: controlq"},
	[RES_002] = {"VD-RES-002", LINT_ERROR, "A resource is created with an id that is free.",
		     "Unref the old one first, or use a new id.",
		     "5.7.6.8 Device Operation: controlq"},
	[RES_003] = {"VD-RES-003", LINT_ERROR,
		     "A resource has one of the eight formats and a size that is not 0.",
		     "Use formats 1 to 4, 67, 68, 121 or 134.", "5.7.6.8 RESOURCE_CREATE_2D"},
	[RES_004] = {"VD-RES-004", LINT_ERROR, "A command names a resource that was created.",
		     "Create it first and look at the answer.",
		     "5.7.6.8 Device Operation: controlq"},
	[RES_005] = {"VD-RES-005", LINT_ERROR, "A resource is not used after RESOURCE_UNREF.",
		     "Unref when the last user is gone.", "5.7.6.8 RESOURCE_UNREF"},
	[RES_006] = {"VD-RES-006", LINT_ERROR, "Only a resource that exists is unref'd, and once.",
		     "Look for two owners of the same id.", "5.7.6.8 RESOURCE_UNREF"},
	[RES_007] =
		{"VD-RES-007", LINT_ADVICE, "Resources are unref'd before the device is reset.",
		 "Unref them: some devices keep resources over a reset and refuse their ids then.",
		 "QEMU 7.2's vhost-user-gpu and hvisor-tool 0.5 do"},
	[RES_008] =
		{"VD-RES-008", LINT_ADVICE, "Resources that nothing uses any more are unref'd.",
		 "Look for a path that forgets them; the host keeps their memory.",
		 "5.7.6.8 RESOURCE_UNREF; counted from " TEXT(
			 LINT_IDLE_MANY) " on, unused for " TEXT(LINT_IDLE_REQUESTS) " requests"},
	/* ---- backing ---- */
	[BAK_001] = {"VD-BAK-001", LINT_ERROR, "A resource that has a backing gets no other.",
		     "Detach the old one first.", "5.7.6.8 RESOURCE_ATTACH_BACKING"},
	[BAK_002] = {"VD-BAK-002", LINT_WARNING, "The backing is as long as the resource.",
		     "Attach width x height x 4 bytes, or the size of a blob; what is beyond fails "
		     "or is cut.",
		     "5.7.6.8 RESOURCE_ATTACH_BACKING"},
	[BAK_003] = {"VD-BAK-003", LINT_ERROR, "A backing has entries, and each entry has bytes.",
		     "Leave empty entries out.", "5.7.6.8 RESOURCE_ATTACH_BACKING"},
	[BAK_004] = {"VD-BAK-004", LINT_WARNING, "The entries of a backing do not overlap.",
		     "Look at how addresses are computed: two rows of the picture share memory.",
		     "5.7.6.8 RESOURCE_ATTACH_BACKING"},
	[BAK_005] = {"VD-BAK-005", LINT_ADVICE, "Entries that follow each other in memory are one.",
		     "Join them: the list gets shorter and transfers need fewer copies.",
		     "5.7.6.8 RESOURCE_ATTACH_BACKING"},
	[BAK_006] = {"VD-BAK-006", LINT_ADVICE,
		     "The backing is detached before its resource is unref'd.",
		     "Detach, or at least free the memory only after the answer to RESOURCE_UNREF.",
		     "5.7.6.8 RESOURCE_DETACH_BACKING; Linux leaves it to the device, too"},
	[BAK_007] = {"VD-BAK-007", LINT_WARNING, "Only a backing that is attached is detached.",
		     "Detach once; some devices answer the second time with an error.",
		     "5.7.6.8 RESOURCE_DETACH_BACKING; QEMU 7.2 refuses it"},
	/* ---- transfers ---- */
	[XFR_001] = {"VD-XFR-001", LINT_ERROR, "What is transferred has a backing.",
		     "Attach it before the first transfer.", "5.7.6.8 TRANSFER_TO_HOST_2D"},
	[XFR_002] = {"VD-XFR-002", LINT_ERROR, "A transfer lies in its resource.",
		     "Cut the rectangle to the resource's size.", "5.7.6.8 TRANSFER_TO_HOST_2D"},
	[XFR_003] = {"VD-XFR-003", LINT_ERROR, "A transfer does not reach beyond the backing.",
		     "Check offset + (height - 1) x stride + width x 4 against the backing.",
		     "5.7.6.8 TRANSFER_TO_HOST_2D"},
	[XFR_004] = {"VD-XFR-004", LINT_WARNING,
		     "The offset of a transfer is that of its rectangle, if the backing holds one "
		     "picture.",
		     "Set offset to (y x width of the resource + x) x 4.",
		     "5.7.6.8 TRANSFER_TO_HOST_2D; Linux and QEMU agree on it"},
	[XFR_005] = {"VD-XFR-005", LINT_WARNING,
		     "Less than half of what is transferred is what the device has already.",
		     "Transfer the rectangle that changed; pass on the damage that the application "
		     "knows.",
		     "Compared byte by byte; counted from " TEXT(
			     LINT_WASTE_KIB) " KiB of waste on"},
	[XFR_006] = {"VD-XFR-006", LINT_WARNING,
		     "What is transferred to a shown resource is flushed.",
		     "Send RESOURCE_FLUSH for the rectangle: only then it must appear.",
		     "5.7.6.8 RESOURCE_FLUSH"},
	[XFR_007] = {"VD-XFR-007", LINT_ADVICE, "Transfers and flushes are not empty.",
		     "Leave requests for a rectangle without pixels out.",
		     "5.7.6.8 TRANSFER_TO_HOST_2D"},
	/* ---- flushes ---- */
	[FLS_001] = {"VD-FLS-001", LINT_ADVICE,
		     "A flush follows a transfer or a SET_SCANOUT since the flush before.",
		     "Leave it out: the device shows what it showed.", "5.7.6.8 RESOURCE_FLUSH"},
	[FLS_002] = {"VD-FLS-002", LINT_WARNING, "What is flushed is on a scanout.",
		     "Set the scanout first, or leave the flush out.", "5.7.6.8 RESOURCE_FLUSH"},
	[FLS_003] = {"VD-FLS-003", LINT_ERROR, "A flush lies in its resource.",
		     "Cut the rectangle to the resource's size.", "5.7.6.8 RESOURCE_FLUSH"},
	[FLS_004] = {"VD-FLS-004", LINT_ADVICE,
		     "A flush touches the rectangle that a scanout shows.",
		     "Leave out what cannot be seen.", "5.7.6.8 RESOURCE_FLUSH"},
	[FLS_005] =
		{"VD-FLS-005", LINT_ADVICE,
		 "A flush is not more than " TEXT(LINT_FLUSH_FACTOR) " times what was transferred "
								     "for it.",
		 "Flush the rectangle that was transferred: all that is flushed is drawn again.",
		 "5.7.6.8 RESOURCE_FLUSH; counted from " TEXT(LINT_FLUSHES_MANY) " flushes on"},
	/* ---- scanouts ---- */
	[SCN_001] = {"VD-SCN-001", LINT_ERROR, "A command names a scanout that the device has.",
		     "Read num_scanouts.", "5.7.4 Device configuration layout; 5.7.6.8"},
	[SCN_002] = {"VD-SCN-002", LINT_ERROR, "A scanout lies in its resource.",
		     "Create a resource of the scanout's size, or show a part of it.",
		     "5.7.6.8 SET_SCANOUT"},
	[SCN_003] = {"VD-SCN-003", LINT_WARNING, "A scanout is at least 16 x 16 pixels.",
		     "Show more, or disable the scanout with resource 0.",
		     "QEMU refuses smaller ones; width or height 0 shows nothing anywhere"},
	[SCN_004] =
		{"VD-SCN-004", LINT_ADVICE, "SET_SCANOUT changes something.",
		 "Leave it out while resource and rectangle are the same; devices set up a surface "
		 "each time.",
		 "5.7.6.8 SET_SCANOUT; Linux repeats it, too"},
	[SCN_005] =
		{"VD-SCN-005", LINT_WARNING,
		 "A picture on a scanout is opaque where its format has alpha.",
		 "Set alpha to 255 or use a format with X: a display that blends shows nothing.",
		 "5.7.6.8: formats"},
	[SCN_006] = {"VD-SCN-006", LINT_WARNING, "A resource on a scanout is not unref'd.",
		     "Disable the scanout, or show another resource, first.",
		     "5.7.6.8 RESOURCE_UNREF: what the display then shows differs from device to "
		     "device"},
	/* ---- cursor ---- */
	[CUR_001] = {"VD-CUR-001", LINT_ERROR, "A cursor's picture is 64 x 64 pixels.",
		     "Create a resource of that size and leave the rest transparent.",
		     "5.7.6.6 Cursor updates"},
	[CUR_002] =
		{"VD-CUR-002", LINT_WARNING, "A cursor's picture has the format B8G8R8A8.",
		 "Create it as format 1: QEMU reads each as that, others look at the format.",
		 "QEMU's virtio-gpu; a device that heeds the format draws an opaque square of X"},
	[CUR_003] = {"VD-CUR-003", LINT_ADVICE, "A cursor that only moves is moved by MOVE_CURSOR.",
		     "Send UPDATE_CURSOR only for another picture or hot spot.",
		     "5.7.6.10 Device Operation: cursorq"},
	[CUR_004] = {"VD-CUR-004", LINT_ERROR,
		     "A cursor's picture is transferred before it is used.",
		     "Attach a backing and transfer all 64 x 64 pixels.", "5.7.6.6 Cursor updates"},
	[CUR_005] = {"VD-CUR-005", LINT_WARNING, "The hot spot lies in the picture.",
		     "Keep hot_x and hot_y below 64.", "5.7.6.10 Device Operation: cursorq"},
	[CUR_006] = {"VD-CUR-006", LINT_ADVICE,
		     "Nothing depends on an answer from the cursor queue.",
		     "Wait for the used ring only, without room for an answer: QEMU writes none.",
		     "QEMU's virtio-gpu answers cursor commands with length 0"},
	/* ---- blobs ---- */
	[BLB_001] = {"VD-BLB-001", LINT_ERROR,
		     "A blob has a kind of memory that was agreed on, known flags and a size that "
		     "is not 0.",
		     "Use blob_mem 1, or 2 and 3 with VIRGL, and flags 1, 2 and 4.",
		     "5.7.6.8 RESOURCE_CREATE_BLOB"},
	[BLB_002] = {"VD-BLB-002", LINT_ERROR, "SET_SCANOUT_BLOB does not reach beyond its blob.",
		     "Check offsets[0] + (height - 1) x strides[0] + width x 4 against the size.",
		     "5.7.6.8 SET_SCANOUT_BLOB"},
	/* ---- what only the recording device saw ---- */
	[REC_001] =
		{"VD-REC-001", LINT_ERROR, "Descriptor chains and available rings are well formed.",
		 "Check indices, loops, the order of descriptors and their addresses; the device "
		 "stopped there.",
		 "2.7.4.2, 2.7.5 and 2.7.6 Driver Requirements; counted while recording"},
	[REC_002] = {"VD-REC-002", LINT_ERROR, "Register accesses make sense.",
		     "Dump the recording with --registers and look at what is written.",
		     "4.2.2.2 Driver Requirements; counted while recording"},
};

_Static_assert(sizeof(rules) / sizeof(rules[0]) == LINT_NUM_RULES, "a row for each id");

static const char *const severity_names[] = {
	[LINT_ADVICE] = "advice",
	[LINT_WARNING] = "warning",
	[LINT_ERROR] = "error",
};

const struct lint_rule *lint_rule_at(size_t index)
{
	return index < LINT_NUM_RULES ? &rules[index] : NULL;
}

const char *lint_severity_name(enum lint_severity severity)
{
	return severity_names[severity];
}

bool lint_severity_parse(const char *name, enum lint_severity *severity)
{
	for (size_t i = 0; i < sizeof(severity_names) / sizeof(severity_names[0]); i++)
		if (strcmp(severity_names[i], name) == 0) {
			*severity = (enum lint_severity)i;
			return true;
		}
	return false;
}

static bool begins_with(const char *id, const char *part, size_t len)
{
	return len > 0 && strncmp(id, part, len) == 0;
}

bool lint_rule_is_named(const struct lint_rule *rule, const char *text)
{
	if (text == NULL)
		return true;
	for (;;) {
		size_t len = strcspn(text, ",");

		if (begins_with(rule->id, text, len))
			return true;
		if (text[len] == '\0')
			return false;
		text += len + 1;
	}
}

static bool names_any(const char *part, size_t len)
{
	for (size_t i = 0; i < LINT_NUM_RULES; i++)
		if (begins_with(rules[i].id, part, len))
			return true;
	return false;
}

const char *lint_rule_unknown(const char *text, size_t *len)
{
	for (;;) {
		*len = strcspn(text, ",");
		if (!names_any(text, *len))
			return text;
		if (text[*len] == '\0')
			return NULL;
		text += *len + 1;
	}
}
