#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether `hex` is the body's signature, HMAC with SHA-256 in lower case. With an empty key nothing is. Where a wrong one
// differs does not change the time.
bool is_signed(const uint8_t *key, size_t key_len, const uint8_t *body, size_t body_len, const uint8_t *hex, size_t hex_len);
