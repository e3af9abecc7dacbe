/*
 * Feeds every file of a corpus directory to a fuzz target once: the corpus as a unit test. Exit status 1 when the
 * directory is missing or empty, so that a target without seeds does not pass.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static int run_file(const char *dir, const char *name) {
    char path[4096];
    static unsigned char content[4 << 20];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) return -1;
    FILE *file = fopen(path, "rb");
    if (!file) return -1;
    size_t len = fread(content, 1, sizeof content, file);
    (void)fclose(file);
    /* An exact heap copy, so that the sanitizer sees any read beyond the end. */
    unsigned char *copy = malloc(len ? len : 1);
    if (!copy) return -1;
    memcpy(copy, content, len);
    (void)LLVMFuzzerTestOneInput(copy, len);
    free(copy);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    DIR *dir = opendir(argv[1]);
    if (!dir) return 1;
    unsigned passed = 0;
    unsigned failed = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] == '.') continue;
        if (run_file(argv[1], entry->d_name) == 0) {
            passed++;
        } else {
            failed++;
        }
    }
    (void)closedir(dir);
    printf("%u passed, %u failed\n", passed, failed);
    return passed > 0 && failed == 0 ? 0 : 1;
}
