import { inertLine } from '../base/inert.js';
import { second } from '../incident/times.js';
import type { Finding, Proof } from '../snapshot/index.js';

/** A proof as lines for a person: the verdict and what speaks against it first, then what is in the file. */
export function proofLines(proof: Proof, now: number): string[] {
  const lines = [`${proof.source}: ${verdict(proof)}`];
  const of = (severity: Finding['severity']): readonly Finding[] =>
    proof.problems.filter((one) => one.severity === severity);
  for (const problem of of('fatal')) lines.push(...finding('✗', problem));
  for (const problem of of('warning')) lines.push(...finding('!', problem));
  const facts = factsOf(proof, now);
  if (facts.length > 0) lines.push('');
  for (const [name, value] of facts) lines.push(`  ${name.padEnd(9)} ${inertLine(value, 500)}`);
  const told = of('info');
  if (told.length > 0) lines.push('');
  for (const problem of told) lines.push(...finding('·', problem));
  const { trial } = proof;
  if (proof.ok && trial?.ok === true) {
    lines.push('', `Every byte and every page was checked; a trial restore with ${trial.tool} ${trial.version}: ok.`);
  } else if (proof.ok && trial === null) {
    lines.push(
      '',
      'Proven by structure: every byte and every page was checked. A trial restore was not made: no etcdutl or etcdctl that can is here, or no room for it.',
    );
  }
  return lines;
}

function verdict({ verdict: word }: Proof): string {
  if (word === 'restorable') return 'restorable';
  return word === 'restorable-with-warnings' ? 'restorable, with warnings' : 'NOT restorable';
}

function finding(mark: string, { message, remedy, page, offset }: Finding): string[] {
  const where = page !== undefined ? ` (page ${page})` : offset !== undefined ? ` (byte ${offset})` : '';
  return [
    `  ${mark} ${inertLine(message, 1000)}${where}`,
    ...(remedy === '' ? [] : [`    ${inertLine(remedy, 1000)}`]),
  ];
}

function factsOf(proof: Proof, now: number): [string, string][] {
  const rows: [string, string | undefined][] = [
    ['taken', proof.takenAt === null ? undefined : taken(proof, now)],
    ['file', `${FORMS[proof.format] ?? proof.format}${inner(proof)}, ${number(proof.bytes)} bytes`],
    ['sha256', sha256(proof)],
    [
      'state',
      proof.revision === null
        ? undefined
        : `revision ${number(proof.revision)}, ${proof.keys === null ? '?' : number(proof.keys)} live keys (${number(proof.totalKeys ?? 0)} entries), hash ${proof.hash ?? 'unknown'}`,
    ],
    ['versions', versions(proof)],
    ['nodes', proof.nodes.length === 0 ? undefined : some(proof.nodes.map((node) => node.name))],
    ['members', proof.members.length === 0 ? undefined : some(proof.members.map((member) => member.name))],
    ['objects', objects(proof)],
    ['cluster', cluster(proof)],
    ['token', token(proof)],
    ['CA', proof.caHash === null ? undefined : ca(proof)],
    ['kine', proof.kineRevision === null ? undefined : `revision ${number(proof.kineRevision)}`],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== undefined);
}

const FORMS: Readonly<Record<string, string>> = {
  'etcd-snapshot': 'etcd snapshot',
  'etcd-db': 'database of a running etcd (member/snap/db)',
  zip: 'zip made by K3s',
  sqlite: 'SQLite datastore (state.db)',
  openpgp: 'encrypted with OpenPGP',
  part: 'unfinished (.part)',
  empty: 'empty',
  unknown: 'not recognised',
};

const number = (value: number): string => value.toLocaleString('en');
const inner = (proof: Proof): string =>
  proof.format === 'zip' && proof.inner !== null ? `, in it an ${FORMS[proof.inner]}` : '';

function taken({ takenAt, takenAtFrom }: Proof, now: number): string {
  const time = Date.parse(takenAt ?? '');
  const from = { name: 'by its name', content: 'by the newest object in it', mtime: "by the file's own time" };
  return `${second(time)}, ${ago(now - time)}, ${from[takenAtFrom ?? 'mtime']}`;
}

function ago(ms: number): string {
  const hours = ms / 3600_000;
  if (hours < 0) return 'in the future by this clock';
  if (hours < 1) return `${Math.round(hours * 60)} minutes ago`;
  return hours < 48 ? `${Math.round(hours)} hours ago` : `${Math.round(hours / 24)} days ago`;
}

function sha256({ sha256: sum }: Proof): string | undefined {
  if (sum.ok) return 'matches the one at its end';
  if (sum.actual === null) return undefined;
  return sum.expected === null ? 'none at its end' : 'DIFFERS from the one at its end';
}

function versions({ k3sVersion, etcdVersion }: Proof): string | undefined {
  const known = [k3sVersion === null ? '' : `K3s ${k3sVersion}`, etcdVersion === null ? '' : `etcd ${etcdVersion}`];
  return known.filter((one) => one !== '').join(', ') || undefined;
}

function some(names: readonly string[]): string {
  return names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;
}

/** The kinds there are most of: enough to see that it is the cluster one knows. */
function objects({ objects: counts }: Proof): string | undefined {
  const kinds = Object.entries(counts).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  if (kinds.length === 0) return undefined;
  const more = kinds.length > 6 ? `, ${kinds.length - 6} more kinds` : '';
  return `${kinds
    .slice(0, 6)
    .map(([kind, count]) => `${number(count)} ${kind.replace(/\..*/, '')}`)
    .join(', ')}${more}`;
}

function cluster({ identity }: Proof): string | undefined {
  if (identity.verdict === 'this-cluster') return `this one: ${identity.evidence.join('; ')}`;
  return undefined;
}

function token({ token: seen }: Proof): string | undefined {
  if (seen.opens) return `${seen.candidate} opens it (${seen.expectedHash})`;
  return seen.expectedHash === null ? undefined : `it needs the one with the hash ${seen.expectedHash}`;
}

function ca({ caHash, caExpiry }: Proof): string {
  const until = caExpiry === null ? '' : `, valid until ${caExpiry.slice(0, 10)}`;
  return `${(caHash ?? '').slice(0, 12)}${until}`;
}
