// Writes log.json beside itself: the values of the audit log's formats, from the definitions of RFC 6962 section 2.1
// (recursion over lists) and of the C2SP documents, with Node's own crypto. Run: node tests/vectors/make_log.mjs
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';

const federation = 'jobb.example';
const epoch = 3;
const origin = `${federation}/log/${epoch}`;

const sha256 = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const hex = (buffer) => buffer.toString('hex');
const list = (hashes) => hashes.map(hex);
const base64 = (buffer) => buffer.toString('base64');

// --- the tree -------------------------------------------------------------------------------------------------------

// Entry i of the test tree: its number as text, i mod 4 times. So some entries are empty.
const entry = (i) => Buffer.from(`entry ${i};`.repeat(i % 4));
const SIZE = 70000;
const leaves = Array.from({ length: SIZE }, (_, i) => sha256(Buffer.of(0), entry(i)));

const split = (n) => {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
};
const known = new Map();
const mth = (low, high) => {
  const n = high - low;
  if (n === 0) return sha256();
  if (n === 1) return leaves[low];
  const at = `${low}:${high}`;
  if (!known.has(at)) {
    const k = split(n);
    known.set(at, sha256(Buffer.of(1), mth(low, low + k), mth(low + k, high)));
  }
  return known.get(at);
};
const path = (m, low, high) => {
  const n = high - low;
  if (n === 1) return [];
  const k = split(n);
  return m < k
    ? [...path(m, low, low + k), mth(low + k, high)]
    : [...path(m - k, low + k, high), mth(low, low + k)];
};
const subproof = (m, low, high, whole) => {
  const n = high - low;
  if (m === n) return whole ? [] : [mth(low, high)];
  const k = split(n);
  return m <= k
    ? [...subproof(m, low, low + k, whole), mth(low + k, high)]
    : [...subproof(m - k, low + k, high, false), mth(low, low + k)];
};
const consistency = (m, n) => (m === 0 ? [] : subproof(m, 0, n, true));

// --- keys and notes -------------------------------------------------------------------------------------------------

// An Ed25519 key of a given seed (PKCS #8 as in RFC 8410).
const key = (name, seedByte) => {
  const seed = Buffer.alloc(32, seedByte);
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const secret = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const pub = createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32);
  return { name, seed, secret, pub };
};
const keyId = (k, type) => sha256(Buffer.from(k.name), Buffer.of(0x0a, type), k.pub).subarray(0, 4);
const vkey = (k, type) => `${k.name}+${hex(keyId(k, type))}+${base64(Buffer.concat([Buffer.of(type), k.pub]))}`;
const line = (k, type, blob) => `\u2014 ${k.name} ${base64(Buffer.concat([keyId(k, type), blob]))}\n`;
const signLine = (k, text) => line(k, 1, sign(null, Buffer.from(text), k.secret));
const u64 = (value) => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(value));
  return out;
};
const cosignature = (k, time, text) => sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), k.secret);
const cosignLine = (k, time, text) => line(k, 4, Buffer.concat([u64(time), cosignature(k, time, text)]));
const broken = (signatureLine) => {
  const [dash, name, blob] = signatureLine.trimEnd().split(' ');
  const bytes = Buffer.from(blob, 'base64');
  bytes[bytes.length - 1] ^= 1;
  return `${dash} ${name} ${base64(bytes)}\n`;
};

const log = key(origin, 0x11);
const witnessA = key('0007:2120000142.jobb.example', 0x22);
const witnessB = key('vittne.example/w1', 0x33);
const stranger = key('stranger.example', 0x44);
const namesake = key(origin, 0x55);

const body = (size) => `${origin}\n${size}\n${base64(mth(0, size))}\n`;
const text = body(1000);
const good = signLine(log, text);
const strange = signLine(stranger, text);
const cosigned = cosignLine(witnessA, 1700000000, text);
const later = cosignLine(witnessA, 1700000060, text);

// verdict: what a verifier says that knows the log's key (01) and both witnesses' keys (04); times: of the witnesses.
const note = (name, content, verdict, times = [0, 0]) => ({ name, note: content, verdict, times });
const notes = [
  note('signed by the log', `${text}\n${good}`, 'ok'),
  note('signed and cosigned', `${text}\n${good}${cosigned}`, 'ok', [1700000000, 0]),
  note('two witnesses before the log', `${text}\n${cosignLine(witnessB, 1700000001, text)}${cosigned}${good}`, 'ok',
    [1700000000, 1700000001]),
  note('unknown key ignored', `${text}\n${strange}${good}`, 'ok'),
  note('unknown key with a bad signature ignored', `${text}\n${broken(strange)}${good}`, 'ok'),
  note('same name, other key ignored', `${text}\n${signLine(namesake, text)}${good}`, 'ok'),
  note('same key id, other name ignored',
    `${text}\n\u2014 stranger.example ${base64(Buffer.concat([keyId(log, 1), Buffer.alloc(64)]))}\n${good}`, 'ok'),
  note('cosigned twice, the later time counts', `${text}\n${good}${later}${cosigned}`, 'ok', [1700000060, 0]),
  note('only a witness signed', `${text}\n${cosigned}`, 'ok', [1700000000, 0]),
  note('text with empty lines', `a\n\nb\n\n\n${signLine(log, 'a\n\nb\n\n')}`, 'ok'),
  note('text with a line like a signature', `a\n${good}\n${signLine(log, `a\n${good}`)}`, 'ok'),
  note('16 signatures', `${text}\n${strange.repeat(15)}${good}`, 'ok'),
  note('100 signatures', `${text}\n${strange.repeat(99)}${good}`, 'ok'),
  note('101 signatures', `${text}\n${strange.repeat(100)}${good}`, 'too_large'),
  note('known key, bad signature', `${text}\n${broken(good)}`, 'signature'),
  note('known key, good and bad signature', `${text}\n${good}${broken(good)}`, 'signature'),
  note('known key, signature of another text', `${text}\n${signLine(log, body(999))}`, 'signature'),
  note('known key, short signature', `${text}\n${line(log, 1, Buffer.alloc(63))}`, 'signature'),
  note('bad cosignature beside a good signature', `${text}\n${good}${broken(cosigned)}`, 'signature'),
  note('cosignature under another time',
    `${text}\n${line(witnessA, 4, Buffer.concat([u64(1700000001), cosignature(witnessA, 1700000000, text)]))}`,
    'signature'),
  note('cosigner signs as type 01 signs', `${text}\n${good}${line(witnessA, 4, sign(null, Buffer.from(text), witnessA.secret))}`,
    'signature'),
  note('no known key', `${text}\n${strange}`, 'signature'),
  note('witness key as type 01 is unknown', `${text}\n${signLine(witnessA, text)}`, 'signature'),
  note('no signature', `${text}\n`, 'malformed'),
  note('no empty line', `${text}${good}`, 'malformed'),
  note('no final newline', `${text}\n${good.trimEnd()}`, 'malformed'),
  note('hyphen for the em dash', `${text}\n${good.replace('\u2014', '-')}`, 'malformed'),
  note('two spaces', `${text}\n${good.replace(' ', '  ')}`, 'malformed'),
  note('trailing space', `${text}\n${good.trimEnd()} \n`, 'malformed'),
  note('carriage return', `${text}\n${good.trimEnd()}\r\n`, 'malformed'),
  note('tab in the text', `a\tb\n\n${signLine(log, 'a\tb\n')}`, 'malformed'),
  note('plus sign in a name', `${text}\n${good}${signLine(key('a+b', 0x66), text)}`, 'malformed'),
  note('no-break space in a name', `${text}\n${good}${signLine(key('a\u00a0b', 0x66), text)}`, 'malformed'),
  note('base64 without padding', `${text}\n${good}\u2014 x AAAAAAA\n`, 'malformed'),
  note('base64 with bits left over', `${text}\n${good}\u2014 x AAAAAAF=\n`, 'malformed'),
  note('key id without a signature', `${text}\n${good}\u2014 x AAAAAA==\n`, 'malformed'),
  note('line after the signatures', `${text}\n${good}more\n`, 'malformed'),
];

// --- tiles and proofs -----------------------------------------------------------------------------------------------

const tilePath = (level, n, width) => {
  const digits = String(n).padStart(Math.ceil(String(n).length / 3) * 3, '0');
  const groups = digits.match(/.{3}/g);
  const number = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${number}${width === 256 ? '' : `.p/${width}`}`;
};
const tileHashes = (level, n, width) => {
  const span = 256 ** level;
  return Buffer.concat(Array.from({ length: width }, (_, i) => mth((n * 256 + i) * span, (n * 256 + i + 1) * span)));
};
const framed = (content) => Buffer.concat([Buffer.of(content.length >> 8, content.length & 255), content]);
const bundle = (n, width) => Buffer.concat(Array.from({ length: width }, (_, i) => framed(entry(n * 256 + i))));
const tile = (level, n, width) => {
  const content = level === 'entries' ? bundle(n, width) : tileHashes(level, n, width);
  return { path: tilePath(level, n, width), n, width, bytes: content.length, sha256: hex(sha256(content)) };
};
const tiles = [
  tile(0, 0, 256), tile(0, 272, 256), tile(0, 273, 112), tile(1, 0, 256), tile(1, 1, 17), tile(2, 0, 1),
  tile('entries', 0, 256), tile('entries', 273, 112),
];

const extra = Buffer.from('what the receiver needs besides');
const proof = (index, size, withExtra) => ({
  index, size, extra: withExtra ? hex(extra) : '',
  text: ['c2sp.org/tlog-proof@v1\n', withExtra ? `extra ${base64(extra)}\n` : '', `index ${index}\n`,
    ...path(index, 0, size).map((hash) => `${base64(hash)}\n`), '\n',
    body(size), '\n', signLine(log, body(size)), cosignLine(witnessB, 1700000002, body(size))].join(''),
});

// --- what is written ------------------------------------------------------------------------------------------------

const upTo = (n) => Array.from({ length: n + 1 }, (_, i) => i);
const sizes = [...upTo(33), 63, 64, 65, 127, 255, 256, 257, 1000, 4096, 65535, 65536, 65537, SIZE];
const inclusionCases = [1, 2, 3, 5, 6, 7, 8, 9, 13, 16].flatMap((size) => upTo(size - 1).map((index) => [index, size]));
inclusionCases.push([0, 1000], [511, 1000], [512, 1000], [999, 1000], [0, SIZE], [65535, SIZE], [65536, SIZE],
  [69999, SIZE], [12345, 65537]);
const consistencyCases = upTo(13).flatMap((size) => upTo(size).map((old) => [old, size]));
consistencyCases.push([1, SIZE], [512, 1000], [1000, SIZE], [65535, 65536], [65536, SIZE], [65537, SIZE], [69999, SIZE]);
const signer = (k, type) => ({ name: k.name, seed: hex(k.seed), public: hex(k.pub), type, vkey: vkey(k, type) });

const vectors = {
  federation, epoch, origin,
  log: signer(log, 1),
  witnesses: [signer(witnessA, 4), signer(witnessB, 4)],
  roots: sizes.map((size) => ({ size, root: hex(mth(0, size)) })),
  inclusion: inclusionCases.map(([index, size]) => (
    { index, size, leaf: hex(leaves[index]), proof: list(path(index, 0, size)) })),
  consistency: consistencyCases.map(([old, size]) => ({ old, size, proof: list(consistency(old, size)) })),
  checkpoint: { size: 1000, root: hex(mth(0, 1000)), text, line: good, time: 1700000000, cosigned },
  notes,
  tiles,
  proofs: [proof(0, 1, false), proof(0, 1, true), proof(5, 7, true), proof(511, 1000, true), proof(69999, SIZE, false)],
};
writeFileSync(new URL('log.json', import.meta.url), `${JSON.stringify(vectors, null, 1)}\n`);
