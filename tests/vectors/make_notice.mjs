// Writes notice.json: whole notices in every language, made by a template of our own from docs/protocol.md section 5
// and the published texts. The texts are part of the protocol: a change here is a change of what persons have signed.
//   node tests/vectors/make_notice.mjs
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';

const texts = {
  sv: {
    title: 'Samtycke till att dela delar av din plan',
    who: 'Mottagare: ',
    what: 'Det här får mottagaren läsa:',
    kinds: ['Kartläggning och bedömning', 'Mål', 'Aktiviteter', 'Studieplan', 'Beslut', 'Hänvisning till annan',
      'Möten och händelser', 'Validering', 'Uppföljning'],
    from: 'Uppgifterna kommer från:',
    why: 'Ändamål: ',
    until: 'Gäller till och med: ',
    access: { once: 'Mottagaren får läsa en gång.',
      repeated: 'Mottagaren får läsa flera gånger under tiden, även det som tillkommer.' },
    basis: { secrecy_waiver: 'Du häver sekretessen för just detta.',
      gdpr_consent: 'Du samtycker enligt dataskyddsförordningen.',
      both: 'Du häver sekretessen för just detta och samtycker enligt dataskyddsförordningen.' },
    withdraw: 'Du kan när som helst återkalla: med din nyckel, med återkallelsekoden eller genom att säga till en av '
      + 'verksamheterna. Det som redan har lästs kan inte göras oläst.',
    refusal: 'Det är frivilligt. Om du säger nej får mottagaren inte läsa något och får inte veta att du svarade.',
  },
  nb: {
    title: 'Samtykke til å dele deler av planen din',
    who: 'Mottaker: ',
    what: 'Dette får mottakeren lese:',
    kinds: ['Kartlegging og vurdering', 'Mål', 'Aktiviteter', 'Studieplan', 'Vedtak', 'Henvisning',
      'Møter og hendelser', 'Realkompetansevurdering', 'Oppfølging'],
    from: 'Opplysningene kommer fra:',
    why: 'Formål: ',
    until: 'Gjelder til og med: ',
    access: { once: 'Mottakeren får lese én gang.',
      repeated: 'Mottakeren får lese flere ganger i perioden, også det som kommer til.' },
    basis: { secrecy_waiver: 'Du opphever taushetsplikten for akkurat dette.',
      gdpr_consent: 'Du samtykker etter personvernforordningen.',
      both: 'Du opphever taushetsplikten for akkurat dette og samtykker etter personvernforordningen.' },
    withdraw: 'Du kan når som helst trekke det tilbake: med nøkkelen din, med tilbakekallingskoden eller ved å si fra '
      + 'til en av virksomhetene. Det som allerede er lest, kan ikke gjøres ulest.',
    refusal: 'Det er frivillig. Hvis du sier nei, får mottakeren ikke lese noe og får ikke vite at du svarte.',
  },
  en: {
    title: 'Consent to share parts of your plan',
    who: 'Recipient: ',
    what: 'This is what the recipient may read:',
    kinds: ['Assessments', 'Goals', 'Activities', 'Study plan', 'Decisions', 'Referrals', 'Meetings and events',
      'Validation of skills', 'Follow-up'],
    from: 'The information comes from:',
    why: 'Purpose: ',
    until: 'Valid until: ',
    access: { once: 'The recipient may read once.',
      repeated: 'The recipient may read several times until then, including what is added later.' },
    basis: { secrecy_waiver: 'You waive secrecy for exactly this.',
      gdpr_consent: 'You consent under the General Data Protection Regulation.',
      both: 'You waive secrecy for exactly this and consent under the General Data Protection Regulation.' },
    withdraw: 'You can withdraw at any time: with your key, with the revocation code, or by telling one of the '
      + 'bodies. What has been read cannot be made unread.',
    refusal: 'It is voluntary. If you say no, the recipient reads nothing and is not told that you answered.',
  },
};

// The names of the fixture in tests/support/federation.c: a unit bears its member's names there.
const names = {
  '0007:2029990005': { sv: 'Statens arbetsservice', en: 'State employment service' },
  '0007:2129990004': { sv: 'Kommunen', en: 'The municipality' },
  '0192:310999008': { nb: 'Fylkeskommunen', en: 'The county' },
};
const purposes = { joint_plan: { sv: 'Gemensam planering av din väg till arbete',
  nb: 'Felles planlegging av veien din til arbeid', en: 'Joint planning of your way to work' } };

function notice(lang, { to, from, kinds, purpose, exp, access, basis }) {
  const t = texts[lang];
  const name = (unit) => {
    const known = names[unit.split('/')[0]];
    return known[lang] ?? known[Object.keys(known).sort()[0]];
  };
  const party = (unit) => `${name(unit)}, ${name(unit)}`;
  const until = new Date(exp * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC');
  return [t.title, t.who + party(to), t.what, ...kinds.map((kind) => `- ${t.kinds[kind - 1]}`), t.from,
    ...[...from].sort().map((unit) => `- ${party(unit)}`), t.why + purposes[purpose][lang], t.until + until,
    t.access[access], t.basis[basis], t.withdraw, t.refusal].map((line) => `${line}\n`).join('');
}

const decisions = [
  { to: '0007:2029990005/guidance', from: ['0007:2129990004/adult-education'], kinds: [2, 3], purpose: 'joint_plan',
    exp: 1795315395, access: 'repeated', basis: 'secrecy_waiver' },
  { to: '0192:310999008/career', from: ['0007:2029990005/guidance', '0007:2129990004/adult-education',
    '0007:2129990004/labour-market'], kinds: [1, 2, 3, 4, 5, 6, 7, 8, 9], purpose: 'joint_plan', exp: 1798761599,
  access: 'once', basis: 'both' },
  { to: '0007:2129990004/labour-market', from: ['0192:310999008/career'], kinds: [9], purpose: 'joint_plan',
    exp: 253402300799, access: 'once', basis: 'gdpr_consent' },
];
const cases = decisions.flatMap((decision) => Object.keys(texts).map((lang) => {
  const text = notice(lang, decision);
  return { lang, ...decision, text, sha256: createHash('sha256').update(text).digest('hex') };
}));
writeFileSync(new URL('notice.json', import.meta.url),
  `${JSON.stringify({ languages: Object.keys(texts), cases }, null, 1)}\n`);
