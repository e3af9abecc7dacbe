// Writes rule.json: the verdict of the release rule when nothing, one thing or two things are wrong, at both stages.
// Written from the table in docs/protocol.md section 8, which it reads, and from nothing else.
//   node tests/vectors/make_rule.mjs
import { readFileSync, writeFileSync } from 'node:fs';

const document = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
const section = document.slice(document.indexOf('## 8. The release rule'), document.indexOf('## 9. '));
const ofFragment = section.match(/Clauses ([\d, ]+) speak of a fragment/)[1].split(',').map(Number);
const clauses = [...section.matchAll(/^\| (\d+) \| (\w+)[^|]*\| ([GR ]+) \| (\w+) \|$/gm)].map(
  ([, id, name, stages, outward]) => ({ id: Number(id), name, stages: stages.split(' '), outward }));

const verdict = (wrong, stage, withFragment) => clauses.find(({ id, name, stages }) =>
  wrong.includes(name) && stages.includes(stage) && (withFragment || !ofFragment.includes(id)));

const sets = [[]];
clauses.forEach(({ name }, i) => {
  sets.push([name]);
  for (const other of clauses.slice(i + 1)) sets.push([name, other.name]);
});

const cases = sets.flatMap((wrong) => ['G', 'R'].map((stage) => {
  const release = verdict(wrong, stage, true);
  const token = verdict(wrong, stage, false);
  return { wrong, stage, release: release?.id ?? 0, name: release?.name ?? 'pass', outward: release?.outward ?? 'done',
    token: token?.id ?? 0 };
}));
writeFileSync(new URL('rule.json', import.meta.url),
  `{\n "clauses": ${clauses.length},\n "cases": [\n${cases.map((one) => `  ${JSON.stringify(one)}`).join(',\n')}\n ]\n}\n`);
