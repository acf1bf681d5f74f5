// HMAC with SHA-256, as FIPS 198-1 and FIPS 180-4 define them. The engine has no function that answers at once.

const fraction = (number) => ((number - Math.floor(number)) * 2 ** 32) | 0;
const primes = [];
for (let number = 2; primes.length < 64; number += 1) {
    if (primes.every((prime) => number % prime !== 0)) {
        primes.push(number);
    }
}
const start = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
const rounds = primes.map((prime) => fraction(Math.cbrt(prime)));

const turned = (word, bits) => (word >>> bits) | (word << (32 - bits));

function sha256(message) {
    const padded = new Uint8Array(Math.ceil((message.length + 9) / 64) * 64);
    padded.set(message);
    padded[message.length] = 0x80;
    const view = new DataView(padded.buffer);
    view.setBigUint64(padded.length - 8, BigInt(message.length) * 8n);
    const state = [...start];
    const words = new Int32Array(64);
    for (let at = 0; at < padded.length; at += 64) {
        for (let i = 0; i < 64; i += 1) {
            if (i < 16) {
                words[i] = view.getInt32(at + 4 * i);
                continue;
            }
            const [old, recent] = [words[i - 15], words[i - 2]];
            const first = turned(old, 7) ^ turned(old, 18) ^ (old >>> 3);
            const second = turned(recent, 17) ^ turned(recent, 19) ^ (recent >>> 10);
            words[i] = words[i - 16] + first + words[i - 7] + second;
        }
        let [a, b, c, d, e, f, g, h] = state;
        for (let i = 0; i < 64; i += 1) {
            const first = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
            const one = (h + first + ((e & f) ^ (~e & g)) + rounds[i] + words[i]) | 0;
            const second = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
            const two = (second + ((a & b) ^ (a & c) ^ (b & c))) | 0;
            [a, b, c, d, e, f, g, h] = [(one + two) | 0, a, b, c, (d + one) | 0, e, f, g];
        }
        [a, b, c, d, e, f, g, h].forEach((word, i) => {
            state[i] = (state[i] + word) | 0;
        });
    }
    const digest = new DataView(new ArrayBuffer(32));
    state.forEach((word, i) => digest.setInt32(4 * i, word));
    return new Uint8Array(digest.buffer);
}

function hmac(key, message) {
    const block = new Uint8Array(64);
    block.set(key.length > 64 ? sha256(key) : key);
    const joined = (pad, rest) => {
        const bytes = new Uint8Array(64 + rest.length);
        bytes.set(block.map((byte) => byte ^ pad));
        bytes.set(rest, 64);
        return bytes;
    };
    return sha256(joined(0x5c, sha256(joined(0x36, message))));
}

// Whether `hex` is the signature of the message. With an empty key nothing is. Where a wrong one differs does not change the time.
export function isSigned(key, message, hex) {
    const digits = [...hmac(key, message)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    let difference = key.length === 0 ? 1 : hex.length ^ digits.length;
    for (let i = 0; i < digits.length; i += 1) {
        difference |= digits.charCodeAt(i) ^ hex.charCodeAt(i);
    }
    return difference === 0;
}
