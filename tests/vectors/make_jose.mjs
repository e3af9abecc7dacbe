// Writes jose.json: tokens, statements and registrations with what they say, and the seeds of the fuzz targets that
// read them. Independent of the C code: Node's own cryptography and docs/protocol.md only. Deterministic, so that
// running it again changes nothing.
//   node tests/vectors/make_jose.mjs
import { createHash, createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';

const federation = 'test.sluss.example';
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const b64u = (bytes) => Buffer.from(bytes).toString('base64url');
const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const id = (name) => sha256(name).subarray(0, 16);

function frame(label, ...fields) {
  const parts = [Buffer.from([label.length]), Buffer.from(label)];
  for (const field of [federation, ...fields].map((f) => Buffer.from(f))) parts.push(u32(field.length), field);
  return Buffer.concat(parts);
}
const H = (...args) => sha256(frame(...args));

function device(name) {
  const seed = sha256(name);
  const der = (prefix) => ({ key: Buffer.concat([Buffer.from(prefix, 'hex'), seed]), format: 'der', type: 'pkcs8' });
  const raw = (key) => createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  const key = createPrivateKey(der('302e020100300506032b657004220420'));
  const read = createPrivateKey(der('302e020100300506032b656e04220420'));
  const thumbprint = sha256(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x: b64u(raw(key)) }));
  return { name, key, raw: raw(key), read: raw(read), thumbprint, kid: b64u(thumbprint) };
}

function jws(who, typ, payload, { alg = 'EdDSA', reorder = false } = {}) {
  const header = reorder ? { typ, kid: who.kid, alg } : { alg, kid: who.kid, typ };
  const input = `${b64u(JSON.stringify(header))}.${b64u(JSON.stringify(payload))}`;
  return `${input}.${b64u(sign(null, Buffer.from(input), who.key))}`;
}

const first = device('device one');
const second = device('device two');
const iss = (who) => `urn:ietf:params:oauth:jwk-thumbprint:sha-256:${who.kid}`;
const subject = sha256('a handle');
const service = '0007:2029990005/guidance';
const city = '0007:2129990004/adult-education';
const county = '0192:310999008/career';
const now = 1795315395;

// ---- tokens ----

function tokenOf(who, { options, ...says }) {
  const all = {
    jti: id('token'), consent: id('consent'), iat: now, nbf: now, exp: now + 86400, to: service, from: city,
    kinds: ['activity', 'goal'], purpose: 'joint_plan', access: 'repeated', basis: 'secrecy_waiver',
    request: sha256('a request'), lang: 'sv', notice: sha256('a notice'), rev: H('sluss code v1', id('code')), ...says,
  };
  const payload = {
    iss: iss(who), sub: b64u(subject), aud: federation, jti: b64u(all.jti), consent: b64u(all.consent), iat: all.iat,
    nbf: all.nbf, exp: all.exp,
    authorization_details: [{ type: 'urn:sluss:plan-fragment:1', to: all.to, from: all.from, kinds: all.kinds,
      actions: ['read'], purpose: all.purpose, access: all.access }],
    basis: all.basis, request: b64u(all.request), notice: { lang: all.lang, sha256: b64u(all.notice) },
    rev: b64u(all.rev),
  };
  const shown = options?.reorder ? Object.fromEntries(Object.entries(payload).reverse()) : payload;
  return {
    signer: who.name, compact: jws(who, 'consent+jwt', shown, options), ...all, subject: hex(subject),
    jti: hex(all.jti), consent: hex(all.consent), request: hex(all.request), notice: hex(all.notice),
    rev: hex(all.rev),
  };
}

const allKinds = ['activity', 'assessment', 'decision', 'event', 'follow_up', 'goal', 'referral', 'study_plan',
  'validation'];
const tokens = [
  { name: 'as the page makes it', ...tokenOf(first, {}) },
  { name: 'every kind, once, both bases', ...tokenOf(first, { kinds: allKinds, access: 'once', basis: 'both' }) },
  { name: 'alg Ed25519, members in another order', ...tokenOf(second, { from: county, to: city, lang: 'nb',
    basis: 'gdpr_consent', options: { alg: 'Ed25519', reorder: true } }) },
  { name: 'bounds of time', ...tokenOf(second, { iat: 0, nbf: 0, exp: 253402300799, lang: 'en' }) },
].map(({ options, ...token }) => token);

// ---- statements: each names the one before ----

const previous = new Map();
function statementOf(who, type, more) {
  const prev = previous.has(who) ? b64u(sha256(previous.get(who))) : '';
  const jti = id(`statement ${type} ${who.name}`);
  const payload = { iss: iss(who), sub: b64u(subject), aud: federation, jti: b64u(jti), iat: now, prev, type, ...more };
  const compact = jws(who, 'statement+jwt', payload);
  previous.set(who, compact);
  return { signer: who.name, type, compact, hash: hex(sha256(compact)), jti: hex(jti), iat: now,
    prev: hex(Buffer.from(prev, 'base64url')), subject: hex(subject), ...more };
}
const request = b64u(id('a request id'));
const consent = b64u(id('consent'));
const statements = [
  statementOf(first, 'refuse', { request, tell: true }),
  statementOf(first, 'refuse', { request, tell: false }),
  statementOf(first, 'revoke', { consent }),
  statementOf(first, 'suspend', { consent }),
  statementOf(first, 'resume', { consent }),
  statementOf(second, 'read', { source: county }),
  statementOf(second, 'remove_device', { device: first.kid, since: 0 }),
  statementOf(second, 'remove_device', { device: first.kid, since: now - 3600 }),
  statementOf(first, 'countersign', { device: second.kid }),
  statementOf(first, 'erase', { scope: 'all' }),
];

// ---- registrations ----

function registrationOf(who, name) {
  const enrolment = id(`enrolment ${name}`);
  const secret = id(`secret ${name}`);
  const mac = createHmac('sha256', secret).update(frame('sluss enrol v1', who.raw, who.read)).digest();
  const payload = { iss: iss(who), aud: federation, iat: now, jti: b64u(id(`registration ${name}`)),
    enrolment: b64u(enrolment), jwk: { crv: 'Ed25519', kty: 'OKP', x: b64u(who.raw) }, read: b64u(who.read),
    mac: b64u(mac) };
  return { signer: who.name, compact: jws(who, 'device+jwt', payload), enrolment: hex(enrolment), secret: hex(secret),
    mac: hex(mac), code: b64u(Buffer.concat([enrolment, secret])), read: hex(who.read), iat: now,
    jti: hex(id(`registration ${name}`)) };
}
const registrations = [registrationOf(first, 'one'), registrationOf(second, 'two')];

const devices = [first, second].map((who) => ({ name: who.name, public: hex(who.raw), read: hex(who.read),
  thumbprint: hex(who.thumbprint), kid: who.kid }));
writeFileSync(new URL('jose.json', import.meta.url),
  `${JSON.stringify({ federation, devices, tokens, statements, registrations }, null, 1)}\n`);

function seed(parser, name, bytes) {
  const folder = new URL(`../fuzz/corpus/${parser}/`, import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(name, folder), bytes);
}
tokens.forEach((token, i) => seed('token', `token-${i}`, token.compact));
statements.forEach((statement, i) => seed('statement', `${statement.type}-${i}`, statement.compact));
registrations.forEach((registration, i) => seed('registration', `registration-${i}`, registration.compact));
// Forms that are refused: another algorithm, another type, a member more.
seed('token', 'none', jws(first, 'consent+jwt', {}, { alg: 'none' }));
seed('token', 'more', jws(first, 'consent+jwt', { iss: iss(first), aud: federation, more: [[[]]] }));
seed('statement', 'unknown', jws(first, 'statement+jwt', { iss: iss(first), aud: federation, type: 'unknown' }));
seed('registration', 'jwk', jws(first, 'device+jwt', { iss: iss(first), aud: federation, jwk: { kty: 'EC' } }));
