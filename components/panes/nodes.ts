import type { ClusterHost } from '../../src/incident/cluster.js';
import type { HostFacts } from '../../src/incident/facts.js';
import type { ConsoleState, LiveHost } from '../../src/store/store.js';
import { exactly, type Line, pad, type Segment, seg, type Tone } from '../line.js';
import { GLYPH } from '../symbols.js';
import { age, offset, shortBytes } from '../words.js';

/** Every host with what was last seen of it. Columns drop from the right by importance; none is ever cut in two. */

interface Column {
  readonly title: string;
  readonly width: number;
  /** Lower stays longer. */
  readonly rank: number;
  cell(host: ClusterHost, live: LiveHost | undefined, now: number): Segment;
}

const facts = (live: LiveHost | undefined): HostFacts | undefined => live?.facts;
const dash = seg('—', 'dim');

const COLUMNS: readonly Column[] = [
  {
    title: 'NODE',
    width: 12,
    rank: 0,
    cell: (host, live) => seg(host.name, facts(live)?.reachable === false ? 'bad' : 'plain'),
  },
  { title: 'ROLE', width: 8, rank: 4, cell: (host) => seg(host.role, 'dim') },
  { title: 'SSH', width: 14, rank: 1, cell: (_host, live) => sshCell(live) },
  { title: 'K3S', width: 20, rank: 2, cell: (_host, live) => k3sCell(facts(live)) },
  { title: 'ETCD', width: 16, rank: 3, cell: (host, live) => etcdCell(host, facts(live)) },
  { title: 'DATA', width: 20, rank: 5, cell: (host, live) => dataCell(host, facts(live)) },
  { title: 'API', width: 6, rank: 7, cell: (host, live) => apiCell(host, facts(live)) },
  { title: 'CLOCK', width: 8, rank: 8, cell: (_host, live) => clockCell(facts(live)) },
  { title: 'DISK', width: 7, rank: 6, cell: (_host, live) => diskCell(facts(live)) },
  {
    title: 'SEEN',
    width: 6,
    rank: 9,
    cell: (_host, live, now) => (live === undefined ? dash : seg(age(now - live.seenAt), 'dim')),
  },
];

export function nodesLines(state: ConsoleState, width: number, height: number, cursor: number | undefined): Line[] {
  const columns = chosenColumns(width - 2);
  const header: Line = [seg('  '), ...columns.map((column) => seg(pad(column.title, column.width), 'dim'))];
  const rows = state.cluster.hosts.map((host, index) => {
    const live = state.live[host.name];
    const fresh = live !== undefined && state.now - live.changedAt < 3_000 && live.changedAt !== live.seenAt;
    const mark = seg(`${glyphOf(host, live)} `, toneOf(host, live));
    const cells = columns.map((column) => {
      const cell = column.cell(host, live, state.now);
      return {
        ...cell,
        text: pad(cell.text, column.width),
        ...(fresh && column.rank === 0 ? { tone: 'accent' as Tone } : {}),
      };
    });
    return exactly([mark, ...cells], width).map((one) => (index === cursor ? { ...one, inverse: true } : one));
  });
  const room = Math.max(1, height - 1);
  const from = Math.max(0, Math.min((cursor ?? 0) - Math.floor(room / 2), rows.length - room));
  return [header, ...rows.slice(from, from + room)];
}

function chosenColumns(width: number): Column[] {
  const chosen = new Set<Column>();
  let left = width;
  for (const column of [...COLUMNS].sort((a, b) => a.rank - b.rank)) {
    if (column.width > left) break;
    chosen.add(column);
    left -= column.width;
  }
  return COLUMNS.filter((column) => chosen.has(column));
}

/** The worst node in a few words, for the header of a small terminal. */
export function worstNode(state: ConsoleState): string | undefined {
  const bad = state.cluster.hosts.find((host) => toneOf(host, state.live[host.name]) === 'bad');
  if (bad === undefined) return undefined;
  const seen = facts(state.live[bad.name]);
  return `${bad.name} ${seen?.reachable === false ? sshCell(state.live[bad.name]).text : k3sCell(seen).text}`;
}

function toneOf(host: ClusterHost, live: LiveHost | undefined): Tone {
  const seen = facts(live);
  if (seen === undefined) return 'dim';
  if (!seen.reachable || seen.service?.unit.crashLoop === true) return 'bad';
  if (seen.held === true || seen.service === undefined) return 'warn';
  if (host.role === 'server' && seen.etcd?.healthy !== true)
    return seen.service.unit.active === 'active' ? 'bad' : 'warn';
  return seen.service.unit.active === 'active' ? 'good' : 'warn';
}

function glyphOf(host: ClusterHost, live: LiveHost | undefined): string {
  const tone = toneOf(host, live);
  return tone === 'bad' ? GLYPH.failed : tone === 'good' ? GLYPH.done : tone === 'dim' ? GLYPH.waiting : GLYPH.running;
}

function sshCell(live: LiveHost | undefined): Segment {
  const seen = facts(live);
  if (seen === undefined) return seg('connecting', 'dim');
  if (seen.reachable) return seg(seen.latencyMs === undefined ? 'up' : `${seen.latencyMs} ms`);
  return seg(SSH_WORDS[seen.problem?.id ?? ''] ?? 'no answer', 'bad');
}

/** Problems of `src/remote/host.ts` in a column's width; the whole sentence stands in the step pane. */
const SSH_WORDS: Readonly<Record<string, string>> = {
  'host-unreachable': 'no route',
  'host-timeout': 'no answer',
  'host-slow': 'too slow',
  'disk-error': 'DISK ERROR',
  'login-refused': 'login refused',
  'host-key-unknown': 'key unknown',
  'host-key-changed': 'KEY CHANGED',
  'host-key-revoked': 'key revoked',
  'sudo-denied': 'sudo denied',
  'ssh-unsupported': 'unsupported',
  'connection-lost': 'lost',
};

function k3sCell(seen: HostFacts | undefined): Segment {
  if (seen === undefined || !seen.reachable) return dash;
  if (seen.init === 'other') return seg('no systemd', 'bad');
  if (seen.service === undefined) return seg('not installed', 'bad');
  const { unit } = seen.service;
  if (unit.crashLoop) return seg(`crash loop x${unit.restarts}`, 'bad');
  if (seen.held === true) return seg(`${unit.active === 'inactive' ? 'stopped' : unit.active}, held`, 'warn');
  if (unit.active === 'active') return seg('running');
  if (unit.active === 'activating') return seg('starting', 'warn');
  return seg(unit.active === 'inactive' ? 'stopped' : unit.active, 'warn');
}

function etcdCell(host: ClusterHost, seen: HostFacts | undefined): Segment {
  if (host.role === 'agent' || seen === undefined || !seen.reachable) return dash;
  if (seen.etcd === undefined) return seg('no answer', 'dim');
  if (seen.etcd.healthy)
    return seg(
      seen.members === undefined ? 'healthy' : `healthy, ${seen.members.filter((one) => !one.learner).length} vote`,
      'good',
    );
  return seg(seen.etcd.reason === '' ? 'unhealthy' : seen.etcd.reason.toLowerCase(), 'bad');
}

function dataCell(host: ClusterHost, seen: HostFacts | undefined): Segment {
  if (host.role === 'agent' || seen?.data === undefined) return dash;
  const { data } = seen;
  if (data.datastore === 'sqlite') return seg('SQLite', 'warn');
  if (data.datastore === 'external') return seg('external', 'warn');
  if (data.tombstone) return seg('removed member', 'warn');
  if (data.datastore === 'none') return seg(data.aside.length > 0 ? 'moved aside' : 'none', 'warn');
  const { content } = data;
  if (content?.intact === false) return seg('damaged', 'bad');
  if (content !== undefined) return seg(`rev ${content.revision.toLocaleString('en')}, sound`, 'good');
  const revision = seen.etcd?.revision;
  const known = revision === undefined ? shortBytes(data.dbBytes ?? 0) : `rev ${revision.toLocaleString('en')}`;
  return seg(`${known}${data.resetFlag ? ', reset' : ''}`);
}

function apiCell(host: ClusterHost, seen: HostFacts | undefined): Segment {
  if (host.role === 'agent' || seen === undefined || !seen.reachable) return dash;
  return seen.apiReady === true ? seg('ready', 'good') : seg('no', 'bad');
}

function clockCell(seen: HostFacts | undefined): Segment {
  if (seen?.clockOffsetMs === undefined) return dash;
  return seg(offset(seen.clockOffsetMs), Math.abs(seen.clockOffsetMs) > 1_000 ? 'warn' : 'plain');
}

function diskCell(seen: HostFacts | undefined): Segment {
  if (seen?.diskFree === undefined) return dash;
  return seg(shortBytes(seen.diskFree), seen.diskFree < 1e9 ? 'bad' : 'plain');
}
