import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { clusterId, memberId } from '../../../src/practice/k3s/ids.js';
import { bootstrapKeys } from '../../../src/practice/k3s/image.js';
import type { BeginFrom, EtcdPort, Lineage, Member, Supervisor, WalRecord } from '../../../src/practice/k3s/ports.js';
import { Gateway } from './gateway.js';
import { History, type SharedHistory } from './history.js';
import { membersStored, readWal, type StoredMember } from './wal.js';

const LAB = '/opt/lab';

/** Alone, etcd would wait for peers that are leaving, too, for as long as it likes; how long K3s does is the model's. Milliseconds. */
const STOPS_WITHIN_MS = 1_000;

/** etcd 3.4 restores with etcdctl, later ones with etcdutl. */
const RESTORER = existsSync(`${LAB}/etcdutl`) ? 'etcdutl' : 'etcdctl';

interface Start {
  readonly dir: string;
  readonly name: string;
  readonly more: readonly string[];
}

/**
 * etcd as K3s embeds it, but as a real process of its own: restore, learner, promotion and quorum are etcd's.
 * What K3s would do inside (ids for its lines, its Nodes) goes through the model's {@link Lineage}.
 */
export class RealEtcd implements EtcdPort {
  readonly #remote = new Map<string, Lineage>();
  #start: Start | undefined;
  #stored: readonly StoredMember[] = [];
  #child: ChildProcess | undefined;
  #leads = false;
  #stopping: Promise<void> | undefined;
  history: History | undefined;
  /** Where a member answers that can speak for the cluster while this one is a learner. */
  via: string | undefined;

  constructor(
    readonly node: string,
    readonly ip: string,
  ) {}

  /** Looks into the database that lies there, before the model asks for it. */
  async look(dir: string): Promise<void> {
    this.#stored = await membersStored(`${dir}/member/snap/db`);
  }

  read(dir: string): WalRecord | undefined {
    const wal = readWal(dir);
    if (wal === undefined) return undefined;
    if (this.history?.id !== wal.lineage) this.#open(dir, wal);
    this.#start = { dir, name: nameIn(dir), more: [] };
    return wal;
  }

  #open(dir: string, wal: WalRecord, image = readFileSync(`${dir}/member/snap/db`)): void {
    const members: Member[] = this.#stored.map((one) => ({ ...one, promotedAt: 0 }));
    this.history = new History(wal, members, new Uint8Array(image), bootstrapKeys(image)[0] ?? '');
  }

  lineage(id: string): Lineage {
    const found = this.history?.id === id ? this.history : this.#remote.get(id);
    if (found === undefined) throw new Error(`no etcd history ${id}`);
    return found;
  }

  begin(dir: string, member: Pick<Member, 'name' | 'ip'>, from: BeginFrom): WalRecord {
    const url = `http://${member.ip}:2380`;
    const self = (id: string): Member => ({
      id,
      name: member.name,
      ip: member.ip,
      learner: false,
      promotedAt: Date.now(),
    });
    if (from.kind === 'force') {
      this.#start = { dir, name: member.name, more: ['--force-new-cluster'] };
      this.#open(dir, from.wal);
      this.history?.members.splice(0, Number.POSITIVE_INFINITY, self(from.wal.member));
      return from.wal;
    }
    const alone = ['--initial-cluster', `${member.name}=${url}`];
    if (from.kind === 'new') {
      const id = memberId(url, 'new');
      const wal = { lineage: clusterId(id), member: id };
      this.#start = { dir, name: member.name, more: [...alone, '--initial-cluster-state', 'new'] };
      this.history = new History(wal, [self(id)], new Uint8Array(0), from.tokenHash);
      return wal;
    }
    restore(dir, member.name, url, from.image);
    const wal = readWal(dir);
    if (wal === undefined) throw new Error('the restored database has no log');
    this.#start = { dir, name: member.name, more: [] };
    this.history = new History(wal, [self(wal.member)], from.image, from.tokenHash);
    return wal;
  }

  join(dir: string, name: string, ip: string, lineage: string): WalRecord {
    const added = spawnSync(
      `${LAB}/etcdctl`,
      ['--endpoints', `http://${this.via}:2379`, 'member', 'add', name, '--learner', `--peer-urls=http://${ip}:2380`],
      { encoding: 'utf8', env: { ...process.env, ETCDCTL_API: '3' } },
    );
    const id = /Member\s+([0-9a-f]+) added/.exec(added.stdout)?.[1]?.padStart(16, '0');
    const cluster = /ETCD_INITIAL_CLUSTER="([^"]*)"/.exec(added.stdout)?.[1];
    if (id === undefined || cluster === undefined) throw new Error(`etcd does not take the learner: ${added.stderr}`);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(`${dir}/name`, name, { mode: 0o600 });
    const known = this.lineage(lineage);
    this.#start = { dir, name, more: ['--initial-cluster', cluster, '--initial-cluster-state', 'existing'] };
    const members = [...known.members, { id, name: '', ip, learner: true, promotedAt: 0 }];
    this.history = new History({ lineage, member: id }, members, new Uint8Array(0), known.tokenHash);
    this.history.nodes.push(...known.nodes);
    return { lineage, member: id };
  }

  /** Leaders are found and lost by etcd itself; the process looks at it. */
  review(): void {}

  supervisor(ip: string): Supervisor | undefined {
    try {
      const { supervisor, history } = JSON.parse(curl(`https://${ip}:6443/stand-in/supervisor`)) as {
        supervisor: Supervisor;
        history: SharedHistory;
      };
      const before = this.#remote.get(supervisor.lineage)?.apiSince ?? 0;
      this.#remote.set(supervisor.lineage, {
        ...history,
        // Several servers speak for one history; one with a ready API is enough.
        apiSince: Math.max(before, history.apiSince),
        image: new Uint8Array(0),
        removed: [],
        objects: [],
        pods: [],
        lostSince: 0,
      });
      this.via = ip;
      return supervisor;
    } catch {
      return undefined;
    }
  }

  /** Looked at just before the model is told to stop. */
  leads(): boolean {
    return this.#leads;
  }

  async lookWhoLeads(): Promise<void> {
    this.#leads = this.history !== undefined && (await this.gateway().leader()) === this.history.own()?.id;
  }

  heirs(): { running: number; staying: number } {
    const others = this.history?.members.filter((member) => member.ip !== this.ip && !member.learner) ?? [];
    const said = others.map(({ ip }) => curl(`https://${ip}:6443/stand-in/phase`)).filter((phase) => phase !== '');
    return { running: said.length, staying: said.filter((phase) => phase !== 'stopping').length };
  }

  /** A member that clashes with another cluster's is refused by etcd itself. */
  leading(): Lineage[] {
    return [];
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Starts etcd on what was read, begun or joined. It dies with this process. */
  run(onExit: (code: number | null) => void, loopbackOnly: boolean): void {
    const start = this.#start;
    if (start === undefined || this.#child !== undefined || this.#stopping !== undefined) return;
    const own = loopbackOnly ? [] : [`http://${this.ip}`];
    const at = (port: number): string => ['http://127.0.0.1', ...own].map((host) => `${host}:${port}`).join(',');
    const log = openSync('/run/k3s-stand-in-etcd.log', 'a');
    const child = spawn(
      'setpriv',
      [
        '--pdeathsig',
        'KILL',
        `${LAB}/etcd`,
        '--name',
        start.name,
        '--data-dir',
        start.dir,
        '--listen-client-urls',
        at(2379),
        '--advertise-client-urls',
        `http://${this.ip}:2379`,
        '--listen-peer-urls',
        at(2380),
        '--initial-advertise-peer-urls',
        `http://${this.ip}:2380`,
        '--listen-metrics-urls',
        'http://127.0.0.1:2381',
        '--log-level',
        'warn',
        ...start.more,
      ],
      { stdio: ['ignore', log, log] },
    );
    this.#child = child;
    child.on('exit', (code) => {
      this.#child = undefined;
      onExit(code);
    });
  }

  /** Ends etcd in peace, so that its log is closed; it is not started again. How long K3s waits for its peers is the model's business. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOPS_WITHIN_MS);
    await gone;
    clearTimeout(timer);
  }

  /** The gateway that can be asked about the cluster. */
  gateway(): Gateway {
    const learner = this.history?.own()?.learner === true;
    return new Gateway(`http://${learner && this.via !== undefined ? this.via : '127.0.0.1'}:2379`);
  }
}

const curl = (url: string): string => spawnSync('curl', ['-sk', '-m', '2', url], { encoding: 'utf8' }).stdout;

function nameIn(dir: string): string {
  return existsSync(`${dir}/name`) ? readFileSync(`${dir}/name`, 'utf8').trim() : 'default';
}

/** The real restore, into a folder beside; then its `member` takes the place of what the model wrote. */
function restore(dir: string, name: string, url: string, image: Uint8Array): void {
  const part = `${dir}.stand-in`;
  const file = `${part}.snapshot`;
  writeFileSync(file, Buffer.concat([image, createHash('sha256').update(image).digest()]), { mode: 0o600 });
  rmSync(part, { recursive: true, force: true });
  const done = spawnSync(
    `${LAB}/${RESTORER}`,
    [
      'snapshot',
      'restore',
      file,
      '--data-dir',
      part,
      '--name',
      name,
      '--initial-cluster',
      `${name}=${url}`,
      '--initial-advertise-peer-urls',
      url,
    ],
    { encoding: 'utf8', env: { ...process.env, ETCDCTL_API: '3' } },
  );
  rmSync(file);
  if (done.status !== 0) throw new Error(`${RESTORER}: ${done.stderr}`);
  rmSync(`${dir}/member`, { recursive: true, force: true });
  renameSync(`${part}/member`, `${dir}/member`);
  rmSync(part, { recursive: true, force: true });
}
