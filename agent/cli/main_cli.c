/*
 * sluss: the command line for agencies, for the federation's authority, and for the person. Verbs are rows of tables;
 * each table lies with its verbs.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/cli_local.h"
#include "agent/cli/device.h"
#include "base/secret.h"

static const struct cli_verb *const tables[] = {cli_people_verbs, cli_consent_verbs, cli_agent_verbs,    device_verbs,
                                                cli_keys_verbs,   cli_record_verbs,  cli_authority_verbs};

static void print_verbs(FILE *to) {
    (void)fprintf(to, "usage: sluss VERB [options]\n\n");
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        for (const struct cli_verb *verb = tables[i]; verb->name; verb++) {
            (void)fprintf(to, "  %-18s %.*s\n", verb->name, (int)strcspn(verb->help, "\n"), verb->help);
        }
    }
    (void)fprintf(to, "\nsluss VERB --help tells more and shows an example.\n");
}

/* How many words of the command line the verb's name takes; 0: it is another verb. */
static int matches(const struct cli_verb *verb, int argc, char **argv) {
    const char *rest = verb->name;
    int words = 0;
    while (*rest) {
        size_t len = strcspn(rest, " ");
        if (words >= argc || strlen(argv[words]) != len || strncmp(argv[words], rest, len) != 0) return 0;
        words++;
        rest += len + (rest[len] == ' ');
    }
    return words;
}

int main(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_verbs(argc < 2 ? stderr : stdout);
        return argc < 2 ? CLI_USAGE : CLI_DONE;
    }
    /* What has begun is done, also when nobody reads what is printed. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || secret_setup() != STATUS_OK) return CLI_REFUSED;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        for (const struct cli_verb *verb = tables[i]; verb->name; verb++) {
            int words = matches(verb, argc - 1, argv + 1);
            if (words > 0) return verb->run(verb, argc - 1 - words, argv + 1 + words);
        }
    }
    (void)fprintf(stderr, "sluss: no such verb: see sluss --help\n");
    return CLI_USAGE;
}
