// HMAC with SHA-256, as FIPS 198-1 and FIPS 180-4 define them.

#include "signature.h"

#include <string.h>

// The first 32 bits of the fractions of the square roots of the first 8 primes, and of the cube roots of the first 64.
static const uint32_t START[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};
static const uint32_t ROUNDS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// A message that is hashed piece by piece.
typedef struct {
    uint32_t state[8];
    uint8_t block[64];
    uint64_t bytes;
} sha256_t;

static uint32_t turned(uint32_t word, int bits)
{
    return word >> bits | word << (32 - bits);
}

static void compress(sha256_t *hash)
{
    uint32_t words[64], s[8];
    for (int i = 0; i < 16; i++) {
        const uint8_t *at = hash->block + 4 * i;
        words[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t old = words[i - 15], recent = words[i - 2];
        uint32_t first = turned(old, 7) ^ turned(old, 18) ^ old >> 3;
        uint32_t second = turned(recent, 17) ^ turned(recent, 19) ^ recent >> 10;
        words[i] = words[i - 16] + first + words[i - 7] + second;
    }
    memcpy(s, hash->state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t first = turned(s[4], 6) ^ turned(s[4], 11) ^ turned(s[4], 25);
        uint32_t one = s[7] + first + ((s[4] & s[5]) ^ (~s[4] & s[6])) + ROUNDS[i] + words[i];
        uint32_t second = turned(s[0], 2) ^ turned(s[0], 13) ^ turned(s[0], 22);
        uint32_t two = second + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (int i = 0; i < 8; i++)
        hash->state[i] += s[i];
}

static void begin(sha256_t *hash)
{
    memcpy(hash->state, START, sizeof START);
    hash->bytes = 0;
}

static void add(sha256_t *hash, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hash->block[hash->bytes++ % 64] = bytes[i];
        if (hash->bytes % 64 == 0)
            compress(hash);
    }
}

static void end(sha256_t *hash, uint8_t digest[32])
{
    uint64_t bits = hash->bytes * 8;
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    add(hash, (const uint8_t[]) { 0x80 }, 1);
    while (hash->bytes % 64 != 56)
        add(hash, (const uint8_t[]) { 0 }, 1);
    add(hash, length, 8);
    for (int i = 0; i < 32; i++)
        digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

bool is_signed(const uint8_t *key, size_t key_len, const uint8_t *body, size_t body_len, const uint8_t *hex, size_t hex_len)
{
    sha256_t hash;
    uint8_t block[64] = { 0 }, padded[64], digest[32];
    if (key_len > sizeof block) {
        begin(&hash);
        add(&hash, key, key_len);
        end(&hash, block);
    } else if (key_len > 0) {
        memcpy(block, key, key_len);
    }
    for (int i = 0; i < 64; i++)
        padded[i] = block[i] ^ 0x36;
    begin(&hash);
    add(&hash, padded, sizeof padded);
    add(&hash, body, body_len);
    end(&hash, digest);
    for (int i = 0; i < 64; i++)
        padded[i] = block[i] ^ 0x5c;
    begin(&hash);
    add(&hash, padded, sizeof padded);
    add(&hash, digest, sizeof digest);
    end(&hash, digest);

    if (key_len == 0 || hex_len != 64)
        return false;
    uint8_t difference = 0;
    for (int i = 0; i < 64; i++)
        difference |= hex[i] ^ "0123456789abcdef"[i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2] & 15];
    return difference == 0;
}
