/* SPDX-License-Identifier: MIT */
#include "out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether a file of another kind is there, which nobody wants replaced. */
static bool is_special(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

/* In a folder that others write to, .part may be a link to what they would have overwritten. */
static FILE *open_part(const char *part)
{
	int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (fd >= 0 && file == NULL)
		close(fd);
	return file;
}

static void forget(struct vgpu_out_file *out)
{
	free(out->path);
	free(out->part);
	*out = (struct vgpu_out_file){0};
}

int vgpu_out_file_open(struct vgpu_out_file *out, const char *path, struct vgpu_error *err)
{
	*out = (struct vgpu_out_file){0};
	if (strcmp(path, "-") == 0) {
		out->file = stdout;
		return 0;
	}
	out->path = strdup(path);
	if (out->path == NULL || (!is_special(path) && asprintf(&out->part, "%s.part", path) < 0)) {
		out->part = NULL;
		forget(out);
		return vgpu_error_set(err, ENOMEM, "out of memory");
	}
	out->file = out->part != NULL ? open_part(out->part) : fopen(path, "we");
	if (out->file != NULL)
		return 0;
	int error = errno;
	forget(out);
	return vgpu_error_set(err, error, "%s: %s", path, strerror(error));
}

int vgpu_out_file_close(struct vgpu_out_file *out, struct vgpu_error *err)
{
	const char *name = out->path != NULL ? out->path : "standard output";
	/* What failed before mostly fails again, and then says why. */
	int error = ferror(out->file) ? EIO : 0;

	if (fflush(out->file) != 0)
		error = errno;
	if (out->path != NULL && fclose(out->file) != 0 && error == 0)
		error = errno;
	if (out->part != NULL && error == 0 && rename(out->part, out->path) != 0)
		error = errno;
	if (out->part != NULL && error != 0)
		unlink(out->part);
	int ret = error == 0 ? 0 : vgpu_error_set(err, error, "%s: %s", name, strerror(error));
	forget(out);
	return ret;
}

void vgpu_out_file_abandon(struct vgpu_out_file *out)
{
	if (out->path != NULL)
		fclose(out->file);
	if (out->part != NULL)
		unlink(out->part);
	forget(out);
}
