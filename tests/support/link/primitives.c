#include "support/link/primitives.h"

#include <lmdb.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "support/link/world.h"

#define MESSAGE_BYTES 300
#define ROUND         256
#define VALUE_BYTES   1000
#define MAP_BYTES     ((size_t)1 << 30)
#define PATH_BYTES    256

struct signature {
    unsigned char message[MESSAGE_BYTES];
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    unsigned char private_key[crypto_sign_SECRETKEYBYTES];
    unsigned char bytes[crypto_sign_BYTES];
};

static enum status do_verify(void *arg) {
    struct signature *s = arg;
    for (int i = 0; i < ROUND; i++) {
        ENSURE(crypto_sign_verify_detached(s->bytes, s->message, sizeof s->message, s->public_key) == 0, STATUS_CRYPTO);
    }
    return STATUS_OK;
}

static enum status do_sign(void *arg) {
    struct signature *s = arg;
    for (int i = 0; i < ROUND; i++) {
        s->message[0] = (unsigned char)i;
        (void)crypto_sign_detached(s->bytes, NULL, s->message, sizeof s->message, s->private_key);
    }
    return STATUS_OK;
}

struct durable {
    MDB_env *env;
    MDB_dbi dbi;
    uint64_t number;
};

static enum status do_commit(void *arg) {
    struct durable *durable = arg;
    static unsigned char value[VALUE_BYTES];
    MDB_txn *txn = NULL;
    ENSURE(mdb_txn_begin(durable->env, NULL, 0, &txn) == 0, STATUS_IO);
    durable->number++;
    MDB_val key = {.mv_size = sizeof durable->number, .mv_data = &durable->number};
    MDB_val content = {.mv_size = sizeof value, .mv_data = value};
    if (mdb_put(txn, durable->dbi, &key, &content, 0) != 0) {
        mdb_txn_abort(txn);
        return STATUS_IO;
    }
    return mdb_txn_commit(txn) == 0 ? STATUS_OK : STATUS_IO;
}

static enum status rate(enum status (*fn)(void *arg), void *arg, uint32_t duration_ms, unsigned each,
                        double *out_rate) {
    uint64_t count = 0;
    uint64_t began = world_clock_us();
    uint64_t now = began;
    while (now - began < (uint64_t)duration_ms * 1000) {
        TRY(fn(arg));
        count += each;
        now = world_clock_us();
    }
    *out_rate = (double)count * 1e6 / (double)(now - began);
    return STATUS_OK;
}

static enum status open_store(const char *path, struct durable *durable) {
    MDB_txn *txn = NULL;
    ENSURE(mdb_env_create(&durable->env) == 0, STATUS_MEMORY);
    ENSURE(mdb_env_set_mapsize(durable->env, MAP_BYTES) == 0, STATUS_IO);
    ENSURE(mdb_env_open(durable->env, path, 0, 0600) == 0, STATUS_IO);
    ENSURE(mdb_txn_begin(durable->env, NULL, 0, &txn) == 0, STATUS_IO);
    if (mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &durable->dbi) != 0) {
        mdb_txn_abort(txn);
        return STATUS_IO;
    }
    return mdb_txn_commit(txn) == 0 ? STATUS_OK : STATUS_IO;
}

static void remove_store(const char *path) {
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char file[PATH_BYTES + 16];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(file, sizeof file, "%s/%s", path, names[i]);
        (void)unlink(file);
    }
    (void)rmdir(path);
}

static enum status measure_commits(const char *dir, uint32_t duration_ms, double *out_rate) {
    char path[PATH_BYTES];
    struct durable durable = {.env = NULL};
    (void)snprintf(path, sizeof path, "%s/primitives", dir);
    TRY(file_make_dir(path, 0700));
    enum status status = open_store(path, &durable);
    if (status == STATUS_OK) status = rate(do_commit, &durable, duration_ms, 1, out_rate);
    mdb_env_close(durable.env);
    remove_store(path);
    return status;
}

enum status primitives_measure(const char *dir, uint32_t duration_ms, struct primitives *out_primitives) {
    struct signature signature = {.message = {1}};
    struct primitives primitives = {.verify_per_s = 0};
    ENSURE(crypto_sign_keypair(signature.public_key, signature.private_key) == 0, STATUS_CRYPTO);
    TRY(do_sign(&signature));
    TRY(rate(do_verify, &signature, duration_ms, ROUND, &primitives.verify_per_s));
    TRY(rate(do_sign, &signature, duration_ms, ROUND, &primitives.sign_per_s));
    TRY(measure_commits(dir, duration_ms, &primitives.commit_per_s));
    *out_primitives = primitives;
    return STATUS_OK;
}
