/* Overflow-checked arithmetic by the compiler's builtins, which store a wrapped result: hence the local copies. */
#include "base/checked.h"

enum status checked_add_size(size_t a, size_t b, size_t *out_sum) {
    size_t sum = 0;
    ENSURE(!__builtin_add_overflow(a, b, &sum), STATUS_TOO_LARGE);
    *out_sum = sum;
    return STATUS_OK;
}

enum status checked_mul_size(size_t a, size_t b, size_t *out_product) {
    size_t product = 0;
    ENSURE(!__builtin_mul_overflow(a, b, &product), STATUS_TOO_LARGE);
    *out_product = product;
    return STATUS_OK;
}

enum status checked_add_u64(uint64_t a, uint64_t b, uint64_t *out_sum) {
    uint64_t sum = 0;
    ENSURE(!__builtin_add_overflow(a, b, &sum), STATUS_TOO_LARGE);
    *out_sum = sum;
    return STATUS_OK;
}

enum status checked_to_u32(size_t value, uint32_t *out_value) {
    ENSURE(value <= UINT32_MAX, STATUS_TOO_LARGE);
    *out_value = (uint32_t)value;
    return STATUS_OK;
}
