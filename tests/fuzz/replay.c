// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * replay - main() for a fuzz target without libFuzzer: one input after the other, as plain tests
 *
 *	TARGET DIRECTORY...	every file in them; one TAP line each. It dies where the target aborts.
 */
#include <dirent.h>

#include "fuzz.h"

static int replay(const char *path)
{
	static uint8_t data[65536];
	FILE *f = fopen(path, "rb");
	uint8_t *copy;
	size_t n;

	if (!f)
		return -1;
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	/* of its exact size, so that reading beyond its end is seen by a sanitizer */
	copy = malloc(n + !n);
	if (!copy)
		return -1;
	memcpy(copy, data, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	return 0;
}

int main(int argc, char **argv)
{
	int n = 0, bad = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			char path[4096];

			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
			if (replay(path)) {
				printf("not ok %d - %s can't be read\n", ++n, path);
				bad++;
			} else {
				printf("ok %d - %s\n", ++n, entry->d_name);
			}
			fflush(stdout);
		}
		if (dir)
			closedir(dir);
	}
	printf("1..%d\n", n);
	return bad || !n;
}
