// Writes objects.json: a case for every message of the .proto files, every signed object and every derivation of
// docs/protocol.md that is not in keys.json; and from the messages the seeds of the fuzz targets. Independent of the C
// code: Node's own cryptography, a protobuf encoder of our own, field numbers read from the .proto files.
// Deterministic, so that running it again changes nothing.
//   node tests/vectors/make_objects.mjs
import { createCipheriv, createHash, createHmac, createPrivateKey, createPublicKey, diffieHellman,
  sign } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const federation = 'test.sluss.example';
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const b64u = (bytes) => Buffer.from(bytes).toString('base64url');
const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const hmac = (key, bytes) => createHmac('sha256', key).update(bytes).digest();
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const empty = Buffer.alloc(0);

function frame(label, ...fields) {
  const parts = [Buffer.from([label.length]), Buffer.from(label)];
  for (const field of [federation, ...fields].map((f) => Buffer.from(f))) parts.push(u32(field.length), field);
  return Buffer.concat(parts);
}
const H = (...args) => sha256(frame(...args));

// Reproducible bytes: SHA-256 of a name and a counter.
function filler(name, len) {
  const parts = [];
  for (let i = 0; i * 32 < len; i++) parts.push(sha256(`${name} ${i}`));
  return Buffer.concat(parts).subarray(0, len);
}
const id = (name) => filler(name, 16);
const hash = (name) => filler(name, 32);

function privateKey(kind, seed) {
  const prefix = { ed25519: '302e020100300506032b657004220420', x25519: '302e020100300506032b656e04220420' }[kind];
  const key = createPrivateKey({ key: Buffer.concat([Buffer.from(prefix, 'hex'), seed]), format: 'der', type: 'pkcs8' });
  return { key, raw: createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32) };
}
const signer = (name) => { const seed = hash(`seed of ${name}`); return { seed, ...privateKey('ed25519', seed) }; };
const reader = (name) => { const seed = hash(`scalar of ${name}`); return { seed, ...privateKey('x25519', seed) }; };
const keyId = (raw) => H('sluss key v1', raw);

// ---- protobuf ----

const schema = {};
for (const file of ['object', 'message', 'internal']) {
  let open = null;
  for (const line of readFileSync(new URL(`proto/${file}.proto`, root), 'utf8').split('\n')) {
    const start = line.match(/^(message|enum) (\w+) \{/);
    if (start) open = schema[start[2]] = { kind: start[1], fields: [] };
    const field = line.match(/^ {2}(repeated )?(\w+) (\w+) = (\d+);/);
    if (open && open.kind === 'message' && field)
      open.fields.push({ list: !!field[1], type: field[2], name: field[3], number: Number(field[4]) });
    if (line.startsWith('}')) open = null;
  }
}

function varint(value) {
  const bytes = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}
const vector = (number, bytes) => Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);

function encodeField({ list, type, name, number }, value) {
  const isNumber = type === 'uint32' || type === 'uint64' || type === 'bool' || schema[type]?.kind === 'enum';
  const bytes = (v) => (schema[type] ? encode(type, v) : Buffer.from(v));
  if (list && isNumber) return value.length ? [vector(number, Buffer.concat(value.map(varint)))] : [];
  if (list) return value.map((v) => vector(number, bytes(v)));
  if (isNumber) return Number(value) ? [Buffer.concat([varint(number * 8), varint(Number(value))])] : [];
  return value.length ? [vector(number, bytes(value))] : [];
}

function encode(message, value) {
  const known = schema[message].fields;
  for (const name of Object.keys(value))
    if (!known.some((field) => field.name === name)) throw new Error(`${message} has no field ${name}`);
  return Buffer.concat(known.flatMap((field) => (field.name in value ? encodeField(field, value[field.name]) : [])));
}

// ---- signed objects ----

function signedObject(label, body, who) {
  return encode('Signed', { body, key_id: keyId(who.raw), signature: sign(null, frame(label, body), who.key) });
}

function multiSigned(label, body, whos) {
  const signatures = whos.map((who) => ({ key_id: keyId(who.raw), signature: sign(null, frame(label, body), who.key) }));
  return encode('MultiSigned', { body, signatures: signatures.sort((a, b) => Buffer.compare(a.key_id, b.key_id)) });
}

// ---- HPKE base mode, RFC 9180: 0x0020, 0x0001, 0x0002 ----

const i2 = (n) => Buffer.from([n >> 8, n & 255]);
function expand(prk, info, len) {
  let out = empty;
  for (let i = 1, t = empty; out.length < len; i++) {
    t = hmac(prk, Buffer.concat([t, info, Buffer.from([i])]));
    out = Buffer.concat([out, t]);
  }
  return out.subarray(0, len);
}
function hpkeSeal(recipient, ephemeral, info, aad, plaintext) {
  const kem = Buffer.concat([Buffer.from('KEM'), i2(0x20)]);
  const suite = Buffer.concat([Buffer.from('HPKE'), i2(0x20), i2(1), i2(2)]);
  const extract = (id_, salt, label, ikm) => hmac(salt, Buffer.concat([Buffer.from('HPKE-v1'), id_, Buffer.from(label), ikm]));
  const labeled = (id_, prk, label, rest, len) =>
    expand(prk, Buffer.concat([i2(len), Buffer.from('HPKE-v1'), id_, Buffer.from(label), rest]), len);
  const dh = diffieHellman({ privateKey: ephemeral.key, publicKey: createPublicKey(recipient.key) });
  const shared = labeled(kem, extract(kem, empty, 'eae_prk', dh), 'shared_secret',
    Buffer.concat([ephemeral.raw, recipient.raw]), 32);
  const context = Buffer.concat([Buffer.from([0]), extract(suite, empty, 'psk_id_hash', empty),
    extract(suite, empty, 'info_hash', info)]);
  const secret = extract(suite, shared, 'secret', empty);
  const cipher = createCipheriv('aes-256-gcm', labeled(suite, secret, 'key', context, 32),
    labeled(suite, secret, 'base_nonce', context, 12));
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

// ---- the cast ----

const member = '0007:2021002114';
const other = '0192:889640782';
const recipient = `${member}/arbete-norr`;
const source = `${other}/vuxenskola`;
const memberKey = signer('member');
const otherKey = signer('other member');
const statusKey = signer('status');
const authority = [signer('authority 1'), signer('authority 2'), signer('authority 3')];
const unitKey = reader('unit');
const device = signer('device');
const deviceRead = reader('device');
const thumbprint = sha256(`{"crv":"Ed25519","kty":"OKP","x":"${b64u(device.raw)}"}`);
const now = 1637539200123;
const bound = { version: 1, federation };
const texts = [{ lang: 'sv', text: 'Planera vägen till arbete' }, { lang: 'en', text: 'Plan the way to work' }];

// ---- one value of every message, every field set ----

const cases = {};
const bodies = {};
function put(message, value) {
  cases[message] = value;
  bodies[message] = encode(message, value);
  return bodies[message];
}

put('MemberRecord', { ...bound, member, revision: 3, names: texts,
  units: [{ id: recipient, names: texts, seal_key: unitKey.raw },
    { id: `${member}/kundtjanst`, names: texts.slice(0, 1), seal_key: reader('second unit').raw }],
  sign_keys: [{ key: memberKey.raw, state: 1 }, { key: signer('old').raw, state: 2 }, { key: signer('lost').raw, state: 3 }],
  link_certs: [hash('certificate 1'), hash('certificate 2')],
  witness: 'witness.example+0123abcd+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', identifies_people: true,
  contact: 'drift@arbete.example' });
put('Agreement', { ...bound, id: id('agreement'), revision: 2, units: [recipient, source], kinds: [1, 3, 9],
  purposes: ['joint_plan', 'guidance'], longest_consent_s: 31536000, attesters: [member, other],
  self_read_attesters: [member], recipient_may_attest: true, legal_note: 'Överenskommelse 2021:7', valid_from_ms: now,
  valid_until_ms: now + 1000 });
put('AgreementEnd', { ...bound, id: id('agreement'), member: other });
put('Rules', { ...bound, revision: 1, purposes: [{ code: 'joint_plan', texts }, { code: 'guidance', texts }],
  longest_consent_s: 63072000, most_sources: 8, most_pending: 5, cosignatures: 1, witnesses: ['w.example+00000001+BAAA'] });
put('Epoch', { ...bound, epoch: 2, log_vkey: `${federation}/log/2+89abcdef+AQID`, status_key: statusKey.raw,
  pseudonym_version: 1, pseudonym_key: hash('pseudonym key'), authority_threshold: 2,
  authority_keys: authority.map((a) => a.raw), previous_checkpoint: Buffer.from('test.sluss.example/log/1\n7\n'),
  restored_size: 7 });
put('MemberRemoval', { ...bound, member: other, reason: 'slogs ihop' });
const memberSigned = multiSigned('sluss member v1', bodies.MemberRecord, [memberKey]);
put('DirectoryEntry', { ...bound, sequence: 4, previous: hash('previous entry'), type: 2, object: memberSigned });
put('FragmentCore', { version: 1, fragment: id('fragment'), revision: 2, replaces: hash('header before'),
  subject: hash('subject'), source, kind: 3, created_ms: now, expires_ms: now + 86400000,
  media_type: 'application/json', schema: 1, random: hash('random') });
const ciphertext = filler('ciphertext', 40);
const contentKey = hash('content key');
put('FragmentHeader', { core: bodies.FragmentCore, ciphertext_len: ciphertext.length,
  ciphertext_hash: sha256(ciphertext), commitment: H('sluss commit v1', contentKey) });
const header = signedObject('sluss header v1', bodies.FragmentHeader, otherKey);
put('StateStatement', { ...bound, token: id('token'), state: 1, tree_size: 1234567, time_ms: now });
const state = signedObject('sluss state v1', bodies.StateStatement, statusKey);
put('DirectoryHead', { ...bound, sequence: 4, head: hash('head'), time_ms: now });
const head = signedObject('sluss directory head v1', bodies.DirectoryHead, statusKey);

const grantBinding = { token: id('token'), fragment: id('fragment'), revision: 2, kind: 3, purpose: 'joint_plan',
  recipient, recipient_key_id: keyId(unitKey.raw) };
const grantInfo = (g) => frame('sluss grant info v1', g.token, g.fragment, u32(g.revision), Buffer.from([g.kind]),
  g.purpose, g.recipient, g.recipient_key_id);
const ephemeral = reader('ephemeral');
const sealed = hpkeSeal(unitKey, ephemeral, grantInfo(grantBinding), sha256(header), contentKey);
const { token: grantToken, fragment: grantFragment, revision, kind, purpose, recipient: to,
  recipient_key_id: toKey } = grantBinding;
put('KeyGrant', { ...bound, token: grantToken, fragment: grantFragment, revision, kind, purpose,
  header_hash: sha256(header), recipient: to, recipient_key_id: toKey, enc: ephemeral.raw, sealed, state,
  release_event: id('release event') });
const grant = signedObject('sluss grant v1', bodies.KeyGrant, otherKey);

const salt = hash('salt');
const sourceCommitment = H('sluss source v1', source, salt);
put('ConsentRequest', { ...bound, request: id('request'), subject: hash('subject'), recipient, purpose: 'joint_plan',
  kinds: [1, 3, 9], sources: [sourceCommitment, hash('another source')], duration_s: 2592000, access: 2, basis: 1,
  created_ms: now, expires_ms: now + 604800000, group: id('group') });
const request = signedObject('sluss request v1', bodies.ConsentRequest, memberKey);
put('Attestation', { ...bound, member, subject: hash('subject'), sign_key: device.raw, read_key: deviceRead.raw,
  assurance: 2, how: 'e-legitimation', enrolment: id('enrolment'), registration_hash: hash('registration'), time_ms: now,
  others_lost: true });
const attestation = signedObject('sluss attestation v1', bodies.Attestation, memberKey);

const item = { fragment: id('fragment'), revision: 2, header_hash: sha256(header), ciphertext_hash: sha256(ciphertext),
  grant_hash: sha256(grant), clause: 0 };
put('Opening', { version: 1, type: 21, stage: 2, clause: 12, now_ms: now, slot_commitment: hash('slot commitment'),
  subject: hash('subject'), actor: recipient, cause: hash('cause'), request: id('request'), consent: id('consent'),
  token: id('token'), device: thumbprint, directory_sequence: 4,
  items: [item, { ...item, fragment: id('fragment 2'), grant_hash: empty, clause: 16 }],
  evidence: [hash('evidence 1'), hash('evidence 2')], purpose: 'joint_plan', kinds: [3, 1], recipient, source,
  number: 9007199254740991, prior_leaf: 12 });
const nonce = hash('nonce');
const event = H('sluss event v1', recipient, id('message'), u32(1)).subarray(0, 16);
const slotKey = hash('slot key');
put('Leaf', { version: 1, type: 21, event, time_ms: now, subject_tag: hmac(slotKey, event).subarray(0, 16),
  commitment: H('sluss leaf v1', nonce, bodies.Opening) });
put('ReceiptExtra', { leaf: bodies.Leaf, nonce, opening: bodies.Opening });

const receipt = Buffer.from('c2sp.org/tlog-proof@v1\nindex 3\n');
put('Release', { token: id('token'), purpose: 'joint_plan', kinds: [1, 3], fragment: id('fragment'),
  cursor: Buffer.from('cursor'), most: 64 });
put('Envelope', { ...bound, type: 4, sender: recipient, official: 'handläggare 17', message: id('message'),
  time_ms: now, body: bodies.Release });
const envelope = signedObject('sluss envelope v1', bodies.Envelope, memberKey);
const released = { receipt, items: [{ header, grant, ciphertext }, { header, grant: empty, ciphertext: empty }],
  cursor: Buffer.from('more') };
put('Released', released);
put('Reply', { code: 17, clause: 6, text: 'ett samtycke behövs', retry_after_ms: 1500, body: bodies.Released });
put('Publish', { header, ciphertext, grants: [grant, grant] });
put('Withdraw', { fragment: id('fragment') });
put('Erase', { subject: hash('subject'), reason: 'på begäran' });
put('Receipted', { receipt });
put('Fetch', { event: id('release event'), fragment: id('fragment'), offset: 524288, length: 524288 });
put('Fetched', { ciphertext, grant });
put('UploadGrants', { grants: [grant] });
put('UploadedGrants', { receipt, clauses: [0, 6, 0, 17] });
put('SourceSalt', { unit: source, salt });
put('RequestConsent', { request, sources: [{ unit: source, salt }, { unit: `${other}/studie`, salt: hash('salt 2') }] });
put('RequestStateAsk', { request: id('request') });
put('RequestStateAnswer', { state: 2, tokens: [Buffer.from('a.b.c'), Buffer.from('d.e.f')] });
put('State', { token: id('token') });
put('StateAnswer', { state });
put('Revoke', { consent: id('consent'), reason: 'muntligen', code: id('code') });
put('Acknowledge', { consent: id('consent'), ending: 3, purged: 4 });
put('ConsentsAsk', { subject: hash('subject') });
put('Events', { after: 41, most: 64, wait_ms: 55000, witnessed: 1000, ready_to_witness: true });
const mail = { sequence: 42, type: 1, unit: source, subject: hash('subject'), receipts: [receipt, receipt, receipt],
  consent: id('consent'), token: Buffer.from('a.b.c'), request, salt, attestation, statement: Buffer.from('d.e.f'),
  fragment: id('fragment'), revision: 2, state: 1, release_event: id('release event'), header };
put('MailEvent', mail);
put('EventsAnswer', { events: [mail, { sequence: 43, type: 8, unit: recipient, statement: Buffer.from('g.h.i') }],
  offer: Buffer.from('checkpoint'), consistency: [hash('proof 1'), hash('proof 2')], directory_sequence: 4 });
put('ConsentsAnswer', { consents: [mail] });
put('CheckpointAsk', { have: 1000, cosigned: true });
put('CheckpointAnswer', { checkpoint: Buffer.from('checkpoint'), consistency: [hash('proof 1')] });
put('Cosign', { cosigned: Buffer.from('checkpoint and a line') });
put('DirectoryAsk', { after: 3, most: 64 });
const entry = multiSigned('sluss directory v1', bodies.DirectoryEntry, authority.slice(0, 2));
put('DirectoryAnswer', { entries: [entry], receipts: [receipt], head });
put('Evaluate', { key_version: 1, blinded: [hash('blinded 1'), hash('blinded 2')] });
put('Evaluated', { evaluated: [hash('evaluated 1'), hash('evaluated 2')], proof: filler('proof', 64) });
put('OpenEnrolment', { enrolment: id('enrolment'), expires_ms: now + 900000 });
put('Attest', { attestation });
put('PortalAsk', { op: 9, method: 'POST', url: 'https://plan.example/v1/consents', proof: Buffer.from('a.b.c'),
  id: Buffer.from(b64u(id('consent'))), body: Buffer.from('{}'), a: 1, b: 2, width: 255 });
put('PortalReply', { status: 200, content_type: 'application/json', body: Buffer.from('{}'), nonce: Buffer.from('n'),
  max_age_s: 31536000 });
put('OperatorAsk', { verb: 9, body: entry, a: 256, b: 256 });
put('OperatorReply', { code: 64, text: 'stopped', body: Buffer.from('{}') });
put('ExportPart', { leaves: [{ leaf: bodies.Leaf, nonce, slot: 0, opening: bodies.Opening },
  { leaf: bodies.Leaf, nonce: empty, slot: 8, opening: filler('sealed', 90) }], checkpoint: Buffer.from('checkpoint') });
put('EvidencePart', { items: [{ hash: sha256(request), slot: 3, content: request }] });
put('SlotKeys', { keys: [{ slot: 7, key: slotKey }, { slot: 9, key: hash('another slot key') }] });
put('Signed', { body: bodies.FragmentHeader, key_id: keyId(otherKey.raw),
  signature: sign(null, frame('sluss header v1', bodies.FragmentHeader), otherKey.key) });
const two = authority.slice(0, 2).map((a) => ({ key_id: keyId(a.raw),
  signature: sign(null, frame('sluss directory v1', bodies.DirectoryEntry), a.key) }));
put('MultiSigned', { body: bodies.DirectoryEntry, signatures: two.sort((a, b) => Buffer.compare(a.key_id, b.key_id)) });

// ---- the file ----

const plain = (v) => (Buffer.isBuffer(v) ? hex(v) : Array.isArray(v) ? v.map(plain)
  : v !== null && typeof v === 'object' ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, plain(x)])) : v);
const messages = Object.entries(cases).map(([message, value]) =>
  ({ message, encoding: hex(bodies[message]), value: plain(value) }));

const signedCase = (label, message, whos, whole) => ({ label, message, body: hex(bodies[message]),
  seeds: whos.map((w) => hex(w.seed)), publics: whos.map((w) => hex(w.raw)), whole: hex(whole), hash: hex(sha256(whole)) });
const single = [['sluss envelope v1', 'Envelope', memberKey, envelope], ['sluss header v1', 'FragmentHeader', otherKey, header],
  ['sluss grant v1', 'KeyGrant', otherKey, grant], ['sluss request v1', 'ConsentRequest', memberKey, request],
  ['sluss attestation v1', 'Attestation', memberKey, attestation], ['sluss state v1', 'StateStatement', statusKey, state],
  ['sluss directory head v1', 'DirectoryHead', statusKey, head]]
  .map(([label, message, who, whole]) => signedCase(label, message, [who], whole));
const several = [['sluss member v1', 'MemberRecord', [memberKey]], ['sluss agreement v1', 'Agreement', [memberKey, otherKey]],
  ['sluss agreement end v1', 'AgreementEnd', [otherKey]], ['sluss directory v1', 'DirectoryEntry', authority]]
  .map(([label, message, whos]) => signedCase(label, message, whos, multiSigned(label, bodies[message], whos)));

const output = filler('voprf output', 64);
const code = id('code');
const codeSecret = filler('code secret', 16);
const derivations = {
  event: { sender: recipient, message: hex(id('message')), n: 1, event: hex(event) },
  handle: { key_version: 7, output: hex(output), handle: hex(H('sluss handle v1', u32(7), output)) },
  source: { unit: source, salt: hex(salt), commitment: hex(sourceCommitment) },
  code: { code: hex(code), hash: hex(H('sluss code v1', code)) },
  leaf: { nonce: hex(nonce), opening: hex(bodies.Opening), commitment: hex(H('sluss leaf v1', nonce, bodies.Opening)) },
  slot: { key: hex(slotKey), commitment: hex(H('sluss slot v1', slotKey)) },
  subject_tag: { key: hex(slotKey), event: hex(event), tag: hex(hmac(slotKey, event).subarray(0, 16)) },
  opening_aad: { event: hex(event), aad: hex(frame('sluss sealed v1', 'opening', event)) },
  evidence_aad: { hash: hex(sha256(request)), aad: hex(frame('sluss sealed v1', 'evidence', sha256(request))) },
  enrolment: { secret: hex(codeSecret), sign_key: hex(device.raw), read_key: hex(deviceRead.raw),
    mac: hex(hmac(codeSecret, frame('sluss enrol v1', device.raw, deviceRead.raw))) },
  grant: { recipient_private: hex(unitKey.seed), recipient_key: hex(unitKey.raw), recipient_key_id: hex(keyId(unitKey.raw)),
    info: hex(grantInfo(grantBinding)), aad: hex(sha256(header)), content_key: hex(contentKey),
    enc: hex(ephemeral.raw), sealed: hex(sealed) },
};
writeFileSync(new URL('objects.json', import.meta.url),
  `${JSON.stringify({ federation, messages, signed: single, multi_signed: several, derivations }, null, 1)}\n`);

// ---- seeds: for fuzz_message the name of the message and a newline, then its encoding ----

function seed(target, name, bytes) {
  const folder = new URL(`tests/fuzz/corpus/${target}/`, root);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(name, folder), bytes);
}
for (const [message, body] of Object.entries(bodies))
  seed('message', message, Buffer.concat([Buffer.from(`${message}\n`), body]));
for (const { message, whole } of single) seed('object', message, Buffer.from(whole, 'hex'));
for (const { message, whole } of several) seed('object', message, Buffer.from(whole, 'hex'));
seed('envelope', 'release', envelope);
seed('envelope', 'other_signer', signedObject('sluss envelope v1', bodies.Envelope, otherKey));
seed('envelope', 'empty_body', signedObject('sluss envelope v1', encode('Envelope', { ...bound, type: 14,
  sender: recipient, message: id('message'), time_ms: now }), memberKey));
