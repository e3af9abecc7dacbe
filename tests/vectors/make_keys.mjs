// Writes keys.json: cases for framing, key ids, signed objects, content keys and segments, JWS. Independent of the C
// code: Node's own cryptography and docs/protocol.md only. Deterministic, so that running it again changes nothing.
//   node tests/vectors/make_keys.mjs
import { createCipheriv, createHash, createHmac, createPrivateKey, createPublicKey, hkdfSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const b64u = (bytes) => Buffer.from(bytes).toString('base64url');
const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };

function frame(label, federation, ...fields) {
  const parts = [Buffer.from([label.length]), Buffer.from(label)];
  for (const field of [Buffer.from(federation), ...fields]) parts.push(u32(field.length), field);
  return Buffer.concat(parts);
}
const H = (...args) => sha256(frame(...args));

// Reproducible bytes: SHA-256 of a name and a counter.
function filler(name, len) {
  const parts = [];
  for (let i = 0; i * 32 < len; i++) parts.push(sha256(`${name} ${i}`));
  return Buffer.concat(parts).subarray(0, len);
}

// Byte i of a long text is (31 i + 7) mod 256, so that it need not stand in the file.
const pattern = (len) => Buffer.from(Uint8Array.from({ length: len }, (_, i) => (31 * i + 7) & 255));

function ed25519(seed) {
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8',
  });
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  return { key, raw };
}

const federation = 'plan.example';

function frames() {
  const cases = [
    ['no fields', 'sluss test v1', federation, []],
    ['one empty field', 'sluss test v1', federation, [Buffer.alloc(0)]],
    ['two fields', 'sluss test v1', federation, [Buffer.from('ab'), Buffer.from('c')]],
    ['the same bytes, split elsewhere', 'sluss test v1', federation, [Buffer.from('a'), Buffer.from('bc')]],
    ['another federation', 'sluss test v1', 'plan.example.net', [Buffer.from('ab'), Buffer.from('c')]],
    ['a field over several blocks', 'sluss leaf v1', federation, [filler('frame', 300), u32(7)]],
  ];
  return cases.map(([name, label, fed, fields]) => ({
    name, label, federation: fed, fields: fields.map(hex), frame: hex(frame(label, fed, ...fields)),
    hash: hex(H(label, fed, ...fields)),
  }));
}

function macs() {
  const cases = [
    ['RFC 4231 case 2', Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?')],
    ['RFC 4231 case 6: long key', Buffer.alloc(131, 0xaa),
      Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First')],
    ['key of one block', filler('mac', 64), Buffer.alloc(0)],
  ];
  return cases.map(([name, key, message]) => ({
    name, key: hex(key), message: hex(message), mac: hex(createHmac('sha256', key).update(message).digest()),
  }));
}

function derivations() {
  const range = (from, len) => Buffer.from(Uint8Array.from({ length: len }, (_, i) => from + i));
  const cases = [
    ['RFC 5869 case 1', Buffer.alloc(22, 0x0b), range(0, 13), range(0xf0, 10), 42],
    ['RFC 5869 case 2', range(0, 80), range(0x60, 80), range(0xb0, 80), 82],
    ['RFC 5869 case 3', Buffer.alloc(22, 0x0b), Buffer.alloc(0), Buffer.alloc(0), 42],
    ['one block', filler('ikm', 32), Buffer.from(federation), Buffer.from('info'), 32],
  ];
  return cases.map(([name, key, salt, info, len]) => ({
    name, key: hex(key), salt: hex(salt), info: hex(info), out: hex(hkdfSync('sha256', key, salt, info, len)),
  }));
}

function signed() {
  const cases = [
    ['short body', 'sluss envelope v1', Buffer.from('hello')],
    ['empty body', 'sluss header v1', Buffer.alloc(0)],
    ['body of 5,000 bytes', 'sluss grant v1', filler('body', 5000)],
  ];
  return cases.map(([name, label, body]) => {
    const seed = filler(`seed of ${name}`, 32);
    const { key, raw } = ed25519(seed);
    return {
      name, label, federation, seed: hex(seed), public: hex(raw), key_id: hex(H('sluss key v1', federation, raw)),
      body: hex(body), signature: hex(sign(null, frame(label, federation, body), key)),
    };
  });
}

function sealSegments(key, core, plain) {
  const aad = H('sluss content aad v1', federation, core);
  const segment = 65536;
  const parts = [];
  const count = Math.max(1, Math.ceil(plain.length / segment));
  for (let i = 0; i < count; i++) {
    const nonce = Buffer.concat([Buffer.alloc(7), u32(i), Buffer.from([i === count - 1 ? 1 : 0])]);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(aad);
    const from = plain.subarray(i * segment, (i + 1) * segment);
    parts.push(cipher.update(from), cipher.final(), cipher.getAuthTag());
  }
  return Buffer.concat(parts);
}

function contents() {
  return [[0, 1], [1, 1], [20, 7], [65535, 1], [65536, 2], [65537, 3], [200000, 0xffffffff]].map(([len, revision]) => {
    const subjectKey = filler(`subject ${len}`, 32);
    const fragment = filler(`fragment ${len}`, 16);
    const random = filler(`random ${len}`, 32);
    const core = filler(`core ${len}`, 90);
    const info = frame('sluss content v1', federation, fragment, u32(revision), random);
    const key = Buffer.from(hkdfSync('sha256', subjectKey, federation, info, 32));
    const sealed = sealSegments(key, core, pattern(len));
    return {
      name: `${len} bytes`, federation, subject_key: hex(subjectKey), fragment: hex(fragment), revision,
      random: hex(random), key: hex(key), commitment: hex(H('sluss commit v1', federation, key)), core: hex(core),
      plain_len: len, sealed_len: sealed.length, sealed_sha256: hex(sha256(sealed)),
      sealed: sealed.length < 100 ? hex(sealed) : '',
    };
  });
}

function tokens() {
  const rfc = Buffer.from('nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A', 'base64url');
  const cases = [
    ['RFC 8037 appendix A.4', rfc, '{"alg":"EdDSA"}', Buffer.from('Example of Ed25519 signing')],
    ['the newer name, with typ and kid', filler('jws', 32), '{"alg":"Ed25519","typ":"consent+jwt","kid":"abc"}',
      Buffer.from('{"sub":"x"}')],
    ['empty payload', filler('jws 2', 32), '{"typ":"statement+jwt","alg":"EdDSA"}', Buffer.alloc(0)],
  ];
  return cases.map(([name, seed, header, payload]) => {
    const { key, raw } = ed25519(seed);
    const input = `${b64u(header)}.${b64u(payload)}`;
    return {
      name, seed: hex(seed), public: hex(raw), header, payload: hex(payload),
      compact: `${input}.${b64u(sign(null, Buffer.from(input), key))}`,
      thumbprint: b64u(sha256(`{"crv":"Ed25519","kty":"OKP","x":"${b64u(raw)}"}`)),
    };
  });
}

const all = { frames: frames(), macs: macs(), derivations: derivations(), signed: signed(), contents: contents(),
  tokens: tokens() };
writeFileSync(new URL('keys.json', import.meta.url), `${JSON.stringify(all, null, 1)}\n`);
