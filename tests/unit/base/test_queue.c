#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/queue.h"
#include "support/alloc_fail.h"

static int items[1000];

static int is_readable(int fd) {
    struct pollfd poll_one = {.fd = fd, .events = POLLIN};
    return poll(&poll_one, 1, 0);
}

static void test_bad_capacity(void **state) {
    (void)state;
    assert_null(queue_new(0));
    assert_null(queue_new(SIZE_MAX / 4));
    alloc_fail_at(1);
    assert_null(queue_new(4));
    assert_true(alloc_fail_happened());
    queue_free(NULL);
}

static void test_full_and_closed(void **state) {
    (void)state;
    struct queue *queue CLEANUP(queue_free_cleanup) = queue_new(2);
    void *out[3] = {0};
    size_t count = 9;
    assert_int_equal(queue_push(queue, &items[0]), STATUS_OK);
    assert_int_equal(queue_push(queue, &items[1]), STATUS_OK);
    assert_int_equal(queue_push(queue, &items[2]), STATUS_LIMIT);
    assert_int_equal(queue_depth(queue), 2);
    queue_close(queue);
    assert_int_equal(queue_push(queue, &items[2]), STATUS_REFUSED);
    assert_int_equal(queue_take(queue, 1000, out, 3, &count), STATUS_OK);
    assert_int_equal(count, 2);
    assert_ptr_equal(out[0], &items[0]);
    assert_ptr_equal(out[1], &items[1]);
    assert_int_equal(queue_take(queue, 1000, out, 3, &count), STATUS_EXPIRED);
    assert_int_equal(count, 2);
}

static void test_order_over_the_end_of_the_ring(void **state) {
    (void)state;
    struct queue *queue CLEANUP(queue_free_cleanup) = queue_new(3);
    size_t next_in = 0;
    size_t next_out = 0;
    while (next_out < 50) {
        while (next_in < 50 && queue_push(queue, &items[next_in]) == STATUS_OK) {
            next_in++;
        }
        void *out[2] = {0};
        size_t count = 0;
        assert_int_equal(queue_take(queue, 0, out, 2, &count), STATUS_OK);
        assert_in_range(count, 1, 2);
        for (size_t i = 0; i < count; i++) {
            assert_ptr_equal(out[i], &items[next_out++]);
        }
    }
}

static void test_time_runs_out(void **state) {
    (void)state;
    struct queue *queue CLEANUP(queue_free_cleanup) = queue_new(1);
    void *out = NULL;
    size_t count = 9;
    uint64_t before = clock_boot_ms(clock_system());
    assert_int_equal(queue_take(queue, 30, &out, 1, &count), STATUS_OK);
    assert_true(clock_boot_ms(clock_system()) - before >= 29);
    assert_int_equal(count, 0);
    count = 9;
    assert_int_equal(queue_take(queue, 0, &out, 1, &count), STATUS_OK);
    assert_int_equal(count, 0);
}

static void test_event_descriptor_follows_the_state(void **state) {
    (void)state;
    struct queue *queue CLEANUP(queue_free_cleanup) = queue_new(4);
    void *out[4] = {0};
    size_t count = 0;
    assert_int_equal(queue_push(queue, &items[0]), STATUS_OK);
    int fd = queue_event_fd(queue);
    assert_true(is_readable(fd));
    assert_int_equal(queue_push(queue, &items[1]), STATUS_OK);
    assert_int_equal(queue_take(queue, 0, out, 1, &count), STATUS_OK);
    assert_true(is_readable(fd));
    assert_int_equal(queue_take(queue, 0, out, 1, &count), STATUS_OK);
    assert_false(is_readable(fd));
    assert_int_equal(queue_push(queue, &items[2]), STATUS_OK);
    assert_true(is_readable(fd));
    assert_int_equal(queue_take(queue, 0, out, 4, &count), STATUS_OK);
    assert_false(is_readable(fd));
    queue_close(queue);
    assert_true(is_readable(fd));
}

enum { PRODUCERS = 3, CONSUMERS = 3 };

struct traffic {
    struct queue *queue;
    atomic_size_t next;
    atomic_int seen[1000];
    atomic_int wrong;
};

static void *produce(void *arg) {
    struct traffic *traffic = arg;
    for (;;) {
        size_t mine = atomic_fetch_add(&traffic->next, 1);
        if (mine >= 1000) return NULL;
        enum status pushed = STATUS_LIMIT;
        while (pushed == STATUS_LIMIT) {
            pushed = queue_push(traffic->queue, &items[mine]);
        }
        if (pushed != STATUS_OK) atomic_fetch_add(&traffic->wrong, 1);
    }
}

static void *consume(void *arg) {
    struct traffic *traffic = arg;
    for (;;) {
        void *out[7] = {0};
        size_t count = 0;
        enum status taken = queue_take(traffic->queue, 10000, out, 7, &count);
        if (taken == STATUS_EXPIRED) return NULL;
        if (taken != STATUS_OK || count == 0) {
            atomic_fetch_add(&traffic->wrong, 1);
            return NULL;
        }
        for (size_t i = 0; i < count; i++) {
            atomic_fetch_add(&traffic->seen[(int *)out[i] - items], 1);
        }
    }
}

static void test_each_item_reaches_one_taker(void **state) {
    (void)state;
    static struct traffic traffic;
    traffic.queue = queue_new(16);
    assert_non_null(traffic.queue);
    pthread_t consumers[CONSUMERS];
    pthread_t producers[PRODUCERS];
    for (int i = 0; i < CONSUMERS; i++) {
        assert_int_equal(pthread_create(&consumers[i], NULL, consume, &traffic), 0);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_create(&producers[i], NULL, produce, &traffic), 0);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_join(producers[i], NULL), 0);
    }
    queue_close(traffic.queue);
    for (int i = 0; i < CONSUMERS; i++) {
        assert_int_equal(pthread_join(consumers[i], NULL), 0);
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(traffic.seen[i], 1);
    }
    assert_int_equal(traffic.wrong, 0);
    queue_free(traffic.queue);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_capacity),
        cmocka_unit_test(test_full_and_closed),
        cmocka_unit_test(test_order_over_the_end_of_the_ring),
        cmocka_unit_test(test_time_runs_out),
        cmocka_unit_test(test_event_descriptor_follows_the_state),
        cmocka_unit_test(test_each_item_reaches_one_taker),
    };
    return cmocka_run_group_tests_name("base/queue", tests, NULL, NULL);
}
