import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { VERSION } from '../base/version.js';
import { handoverOf, handoverText } from '../incident/handover.js';
import type { IncidentState } from '../incident/state.js';
import { excerptsOf, wholeRun } from '../journal/excerpts.js';
import { readSpool, spoolBeside } from '../journal/spool.js';
import { reportMarkdown } from '../record/report.js';
import { reportHtml } from '../record/report-html.js';
import { recordBytes } from '../record/runs.js';
import { titleOf } from '../record/sections.js';
import type { RecordedRun } from './recorded.js';
import { clockOffsets, reportInput } from './report-file.js';
import { scenarios } from './views.js';

/** What is handed to somebody who is called for help: everything that is known of a run and nothing secret, as one archive. */

export interface BundleFile {
  readonly name: string;
  /** For people: what is in it. */
  readonly what: string;
  readonly data: Buffer;
}

export async function bundleFiles(run: RecordedRun): Promise<BundleFile[]> {
  const { state } = run;
  const input = await reportInput(run);
  const hosts = state.cluster.hosts.map((host) => host.name);
  const latest = await excerptsOf(wholeRun(hosts), readSpool(spoolBeside(run.path)), clockOffsets(state));
  const journal = [...input.excerpts, ...latest].flatMap(({ title, lines }) => [`== ${title}`, ...lines, '']);
  const before = run.path.replace(/\.db$/, '.before.md');
  const files: BundleFile[] = [
    file('report.md', 'what was done, how long it took, what was lost', reportMarkdown(input)),
    file('report.html', 'the same as one page with a timeline; opens from the file', reportHtml(input)),
    file(
      'report.json',
      'the same for programs: state and every event',
      pretty({ run: run.id, chain: run.chain, state, events: run.events }),
    ),
    file('handover.txt', 'how it stands, what is in doubt, what must not be done', handover(state)),
    file('nodes.json', 'every node as it was last seen', pretty(state.facts)),
    file('versions.json', 'versions of blackstart, K3s and the systems', pretty(versionsOf(state))),
    file(
      'cluster.json',
      'the inventory without its sources of secrets: hosts, addresses, contacts',
      pretty(state.cluster),
    ),
    ...(journal.length === 0
      ? []
      : [
          file(
            'journal.txt',
            'journals around failures, and the latest errors and warnings of every node',
            journal.join('\n'),
          ),
        ]),
    ...(existsSync(before)
      ? [file('before.md', 'the cluster before anything was changed', readFileSync(before, 'utf8'))]
      : []),
    {
      name: `${run.id}.db`,
      what: 'the record itself: hash-chained events; put under runs/ of a state directory for replay and audit verify',
      data: recordBytes(run.path),
    },
  ];
  return [file('README.txt', 'what is in here', readme(titleOf(input), state, files)), ...files];
}

/** One folder, named like the run; times are those of the record, so that the same record makes the same archive. */
export async function packBundle(run: string, files: readonly BundleFile[], at: number): Promise<Buffer> {
  const entries = files.map(({ name, data }) => ({
    header: {
      name: `blackstart-${run}/${name}`,
      size: data.length,
      type: 'file' as const,
      mode: 0o600,
      mtime: new Date(at),
    },
    body: data,
  }));
  return gzipSync(await packTar(entries));
}

const file = (name: string, what: string, text: string): BundleFile => ({
  name,
  what,
  data: Buffer.from(`${text.trimEnd()}\n`),
});

const pretty = (value: unknown): string => JSON.stringify(value, null, 2);

const handover = (state: IncidentState): string =>
  handoverText(handoverOf(state.scenario === undefined ? undefined : scenarios.get(state.scenario), state)).join('\n');

function versionsOf(state: IncidentState): unknown {
  const hosts = Object.entries(state.facts).map(([name, facts]) => [
    name,
    { k3s: facts.service?.version ?? null, system: facts.os ?? null },
  ]);
  return {
    blackstart: { recorded: state.version, bundled: VERSION },
    node: process.version,
    hosts: Object.fromEntries(hosts),
  };
}

function readme(title: string, { cluster }: IncidentState, files: readonly BundleFile[]): string {
  return [
    title,
    '',
    ...files.map(({ name, what }) => `${name.padEnd(24)}${what}`),
    '',
    ...NOT_IN_IT,
    '',
    'Contacts of this cluster:',
    ...(cluster.contacts.length === 0 ? ['none in the inventory'] : []),
    ...cluster.contacts.map((one) => `${one.name}: ${one.how}${one.role === undefined ? '' : ` (${one.role})`}`),
  ].join('\n');
}

/** Said where the bundle is made and in it. */
export const NOT_IN_IT: readonly string[] = [
  'Not in it: secrets (they were masked before they were recorded), backups, data of the cluster, keys, the inventory file.',
  'In it: names and addresses of hosts, names of people and objects, and lines of journals. Look through it before it leaves the house.',
];
