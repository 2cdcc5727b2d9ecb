/* SPDX-License-Identifier: MIT */
/* Rules about set-up, registers, queues, notifications and displays. */
#include "lint-driver.h"

#include <endian.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#define BIT(n) (1ull << (n))

/* ---- features ---- */

static void version_1(struct drive *drive, bool wrong)
{
	if (wrong)
		drive->accepted &= ~BIT(VIRTIO_F_VERSION_1);
	drive_begin(drive);
}

static void not_offered(struct drive *drive, bool wrong)
{
	if (wrong)
		drive->accepted |= BIT(VIRTIO_GPU_F_RESOURCE_UUID);
	drive_registers_without(drive, DRIVE_ALL);
}

static void dependency(struct drive *drive, bool wrong)
{
	drive->accepted |= BIT(VIRTIO_GPU_F_CONTEXT_INIT);
	if (!wrong)
		drive->accepted |= BIT(VIRTIO_GPU_F_VIRGL);
	drive->offered |= BIT(VIRTIO_GPU_F_CONTEXT_INIT) | BIT(VIRTIO_GPU_F_VIRGL);
	drive_begin(drive);
}

static void late_features(struct drive *drive, bool wrong)
{
	drive_registers_without(drive, DRIVE_ALL);
	/* For another driver all begins anew. */
	if (!wrong) {
		drive_registers_without(drive, DRIVE_PROBE);
		return;
	}
	drive_write(drive, VIRTIO_MMIO_DRIVER_FEATURES, 0);
}

/* ---- initialization ---- */

static void status_order(struct drive *drive, bool wrong)
{
	for (unsigned int i = 0; i < DRIVE_FEATURES_OK; i++)
		drive_step(drive, (enum drive_step)i);
	if (wrong) {
		drive_write(drive, VIRTIO_MMIO_STATUS, 7);
		return;
	}
	for (unsigned int i = DRIVE_FEATURES_OK; i < DRIVE_ALL; i++)
		drive_step(drive, (enum drive_step)i);
}

static void status_cleared(struct drive *drive, bool wrong)
{
	drive_registers_without(drive, DRIVE_ALL);
	drive_write(drive, VIRTIO_MMIO_STATUS, wrong ? 0xb : 0);
}

static void not_read_back(struct drive *drive, bool wrong)
{
	drive_registers_without(drive, wrong ? DRIVE_READ_BACK : DRIVE_ALL);
}

static void no_reset(struct drive *drive, bool wrong)
{
	drive_registers_without(drive, wrong ? DRIVE_RESET : DRIVE_ALL);
}

static void late_queues(struct drive *drive, bool wrong)
{
	drive_registers_without(drive, wrong ? DRIVE_QUEUES : DRIVE_ALL);
	if (wrong)
		drive_step(drive, DRIVE_QUEUES);
}

static void early_notify(struct drive *drive, bool wrong)
{
	drive_registers_without(drive, DRIVE_DRIVER_OK);
	if (wrong)
		drive_notify(drive, 0);
	drive_step(drive, DRIVE_DRIVER_OK);
	if (!wrong)
		drive_notify(drive, 0);
	drive_begin(drive);
}

static void no_probe(struct drive *drive, bool wrong)
{
	drive_registers_without(drive, wrong ? DRIVE_PROBE : DRIVE_ALL);
}

/* ---- queues ---- */

static void small_queue(struct drive *drive, bool wrong)
{
	drive->size = 2;
	if (wrong)
		drive->accepted &= ~BIT(VIRTIO_RING_F_INDIRECT_DESC);
	drive_begin(drive);
}

static void odd_size(struct drive *drive, bool wrong)
{
	drive->size = wrong ? 48 : 32;
	drive_registers_without(drive, DRIVE_ALL);
}

static void queue_is_ready(struct drive *drive, bool wrong)
{
	drive_registers_without(drive, DRIVE_DRIVER_OK);
	drive_write(drive, VIRTIO_MMIO_QUEUE_SEL, wrong ? 0 : 2);
	drive_write(drive, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x5000);
}

static void send_cut(struct drive *drive, unsigned int pieces, int indirect_at)
{
	const struct virtio_gpu_ctrl_hdr info = drive_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct vgpu_chain_desc descs[16] = {{sizeof(info) - pieces + 2, false}};

	for (unsigned int i = 1; i < pieces - 1; i++)
		descs[i].len = 1;
	descs[pieces - 1] =
		(struct vgpu_chain_desc){sizeof(struct virtio_gpu_resp_display_info), true};
	drive_chain(drive, (struct vgpu_trace_request){.indirect_at = indirect_at,
						       .descs = descs,
						       .num_descs = pieces,
						       .request = (const uint8_t *)&info,
						       .request_len = sizeof(info)});
}

static void long_chain(struct drive *drive, bool wrong)
{
	drive->size = 4;
	drive_begin(drive);
	send_cut(drive, wrong ? 5 : 4, -1);
}

static void indirect(struct drive *drive, bool wrong)
{
	if (wrong)
		drive->accepted &= ~BIT(VIRTIO_RING_F_INDIRECT_DESC);
	drive_begin(drive);
	send_cut(drive, 2, 0);
}

static void many_descriptors(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	send_cut(drive, wrong ? LINT_DESCS_PLENTY + 1 : LINT_DESCS_PLENTY, -1);
}

/* ---- registers ---- */

static void narrow_access(struct drive *drive, bool wrong)
{
	drive_access(drive, &(struct vgpu_trace_register){
				    false, wrong ? VIRTIO_MMIO_VERSION : VIRTIO_MMIO_CONFIG + 9,
				    wrong ? 2 : 1, 0});
}

static void wrong_direction(struct drive *drive, bool wrong)
{
	/* events_read, and events_clear beside it. */
	drive_write(drive, VIRTIO_MMIO_CONFIG + (wrong ? 0 : 4), 1);
}

static void selector(struct drive *drive, bool wrong)
{
	if (!wrong)
		drive_write(drive, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	drive_read(drive, VIRTIO_MMIO_DEVICE_FEATURES, 0);
}

/* ---- interrupts and notifications ---- */

static void no_ack(struct drive *drive, bool wrong)
{
	drive->interrupt = true;
	drive_registers_without(drive, DRIVE_ALL);
	drive_begin(drive);
	if (!wrong)
		drive_write(drive, VIRTIO_MMIO_INTERRUPT_ACK, 1);
}

static void undefined_ack(struct drive *drive, bool wrong)
{
	drive_write(drive, VIRTIO_MMIO_INTERRUPT_ACK, wrong ? 0xff : 3);
}

static void empty_notify(struct drive *drive, bool wrong)
{
	drive_registers_without(drive, DRIVE_ALL);
	drive_begin(drive);
	/* There were two requests: the second one may have been taken with the first. */
	for (int i = 0; i < (wrong ? 3 : 2); i++)
		drive_notify(drive, 0);
	drive_end(drive, VGPU_NUM_VIOLATIONS);
}

static void no_suppression(struct drive *drive, bool wrong)
{
	drive->interrupt = true;
	if (wrong)
		drive->accepted &= ~BIT(VIRTIO_RING_F_EVENT_IDX);
	drive_begin(drive);
	for (int i = 0; i < LINT_ANSWERS_MANY; i++)
		drive_ask(drive, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
}

static void waiting(struct drive *drive, bool wrong)
{
	drive->one_head = wrong;
	drive_begin(drive);
	drive_show(drive);
	for (uint32_t i = 0; i < LINT_WAITS_MANY; i++)
		drive_frame(drive, i);
}

/* ---- displays ---- */

static void never_asked(struct drive *drive, bool wrong)
{
	drive_outputs(drive);
	drive_start(drive);
	if (!wrong)
		drive_ask(drive, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	drive_show(drive);
}

static void no_edid(struct drive *drive, bool wrong)
{
	if (!wrong)
		drive->accepted &= ~BIT(VIRTIO_GPU_F_EDID);
	drive_start(drive);
	for (int i = 0; i <= LINT_REQUESTS_LATER; i++)
		drive_ask(drive, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
}

static void change_unanswered(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	drive_outputs(drive);
	if (wrong)
		drive_read(drive, VIRTIO_MMIO_INTERRUPT_STATUS, VIRTIO_MMIO_INT_CONFIG);
	for (uint32_t i = 0; i < LINT_REQUESTS_LATER; i++)
		drive_frame(drive, i);
	drive_read(drive, VIRTIO_MMIO_INTERRUPT_STATUS, VIRTIO_MMIO_INT_CONFIG);
	if (!wrong)
		drive_ask(drive, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
}

static void event_not_cleared(struct drive *drive, bool wrong)
{
	drive_read(drive, VIRTIO_MMIO_CONFIG, VIRTIO_GPU_EVENT_DISPLAY);
	if (!wrong)
		drive_write(drive, VIRTIO_MMIO_CONFIG + 4, VIRTIO_GPU_EVENT_DISPLAY);
}

/* ---- the recorder's counters ---- */

static void broken_chain(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_end(drive, wrong ? VGPU_VIOLATION_BAD_CHAIN : VGPU_VIOLATION_FAILED_COMMAND);
}

static void senseless_access(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_end(drive, wrong ? VGPU_VIOLATION_REGISTER : VGPU_NUM_VIOLATIONS);
}

const struct lint_case lint_set_up_cases[] = {
	{FEA_001, version_1},	      {FEA_002, not_offered},	    {FEA_003, dependency},
	{FEA_004, late_features},     {INI_001, status_order},	    {INI_002, status_cleared},
	{INI_003, not_read_back},     {INI_004, no_reset},	    {INI_005, late_queues},
	{INI_006, early_notify},      {INI_007, no_probe},	    {QUE_001, small_queue},
	{QUE_002, odd_size},	      {QUE_003, queue_is_ready},    {QUE_004, long_chain},
	{QUE_005, indirect},	      {QUE_006, many_descriptors},  {REG_001, narrow_access},
	{REG_002, wrong_direction},   {REG_003, selector},	    {INT_001, no_ack},
	{INT_002, undefined_ack},     {INT_003, empty_notify},	    {INT_004, no_suppression},
	{TIM_001, waiting},	      {DSP_001, never_asked},	    {DSP_002, no_edid},
	{DSP_003, change_unanswered}, {DSP_004, event_not_cleared}, {REC_001, broken_chain},
	{REC_002, senseless_access},
};

const size_t lint_num_set_up_cases = sizeof(lint_set_up_cases) / sizeof(lint_set_up_cases[0]);
