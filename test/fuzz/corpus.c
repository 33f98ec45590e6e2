/* Runs every file of the folders that are named once: where there is no libFuzzer, its corpus is a test of what it found.
 * Ends with "N passed, 0 failed"; whatever is broken ends the process before that. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 1 << 20, PATH_BYTES = 4096 };

/* The copy is exactly as large as the file, so that a sanitizer sees its end. */
static bool run_file(const char *path)
{
    static uint8_t bytes[FILE_MAX];
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    bool fine = file && !ferror(file) && n < sizeof bytes;
    if (file && fclose(file) != 0) fine = false;
    uint8_t *copy = fine ? malloc(n ? n : 1) : NULL;
    if (!copy) return false;
    memcpy(copy, bytes, n);
    fprintf(stderr, "%s\n", path);
    fine = LLVMFuzzerTestOneInput(copy, n) == 0;
    free(copy);
    return fine;
}

int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        for (struct dirent *entry; folder && (entry = readdir(folder));) {
            char path[PATH_BYTES];
            int n = snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (entry->d_name[0] == '.') continue;
            if (n > 0 && (size_t)n < sizeof path && run_file(path))
                passed++;
            else
                failed++;
        }
        if (!folder || closedir(folder) != 0) failed++;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed || !passed;
}
