/*
 * replay.c - runs a fuzz target over its kept corpus, as a unit test: one TAP line a file, and one for the empty input.
 * A target that dies takes the run with it, and the line before tells which file it was.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_file(const char *folder, const char *name)
{
	char path[4096];
	uint8_t *data = NULL;
	long size = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	if (f && fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0)
		data = malloc((size_t) size + 1);       /* exactly as long as the file, so that a sanitizer sees a step past it */
	if (!data || fread(data, 1, (size_t) size, f) != (size_t) size) {
		printf("Bail out! %s cannot be read\n", path);
		exit(EXIT_FAILURE);
	}
	fclose(f);
	data = realloc(data, size ? (size_t) size : 1);
	LLVMFuzzerTestOneInput(data, (size_t) size);
	free(data);
}

int main(int argc, char *argv[])
{
	struct dirent **names = NULL;
	int n = argc > 1 ? scandir(argv[1], &names, NULL, alphasort) : 0, done = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	LLVMFuzzerTestOneInput((const uint8_t *) "", 0);
	printf("ok %d - the empty input\n", ++done);
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			printf("# %s\n", names[i]->d_name);
			run_file(argv[1], names[i]->d_name);
			printf("ok %d - %s\n", ++done, names[i]->d_name);
		}
		free(names[i]);
	}
	free(names);
	printf("1..%d\n", done);
	return EXIT_SUCCESS;
}
