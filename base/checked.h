/*
 * Arithmetic on sizes that come from outside. Each returns STATUS_TOO_LARGE and leaves *out untouched on overflow.
 * Any thread.
 */
#ifndef BASE_CHECKED_H
#define BASE_CHECKED_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum status checked_add_size(size_t a, size_t b, size_t *out_sum);
enum status checked_mul_size(size_t a, size_t b, size_t *out_product);
enum status checked_add_u64(uint64_t a, uint64_t b, uint64_t *out_sum);
enum status checked_to_u32(size_t value, uint32_t *out_value);

#endif
