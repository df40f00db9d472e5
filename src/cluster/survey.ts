import { X509Certificate } from 'node:crypto';
import { toProblem } from '../base/problem.js';
import { Secret } from '../base/secret.js';
import type { Cluster, ClusterHost } from '../incident/cluster.js';
import type { DataFacts, HostFacts, ServiceFacts, UnitFacts } from '../incident/facts.js';
import { ailments } from '../k3s/ailment.js';
import {
  canConnect,
  diskFree,
  diskUsed,
  etcdHealth,
  etcdMetrics,
  heldPorts,
  k3sRun,
  kubectl,
  lastLines,
  listDirectory,
  listProcesses,
  listSockets,
  members,
  mountPointOf,
  readFile,
  recentLines,
  sha256,
  showUnit,
  statFile,
} from '../k3s/ask.js';
import type { K3sConfig } from '../k3s/config.js';
import { healthReason, parseEtcdMetrics, parseHttp, parseMembers, urlHost } from '../k3s/health.js';
import { asideData, k3sServers, parseDf, parseEntries, parseListeners, parseProcesses } from '../k3s/listing.js';
import { lastFatal, stuckOn } from '../k3s/messages.js';
import { type K3sPaths, k3sPaths } from '../k3s/paths.js';
import { looksLikeCrashLoop, parseUnit, type UnitState } from '../k3s/systemd.js';
import type { Host } from '../remote/host.js';
import { tokenHash } from '../snapshot/token.js';
import { answered, tooSlow } from './answered.js';
import { type AskHost, asker } from './ask-host.js';
import { readServiceConfig } from './service-config.js';

/**
 * What of an earlier look need not be asked again every few seconds: who the host is, how K3s is configured there, its CA.
 * On a real host every question as root is a line in its authentication log.
 */
export type Known = HostFacts | undefined;

/**
 * The other servers at the addresses their peers use: by their own configuration, else by etcd's member list, else the inventory's, unless
 * that only leads to this machine (a forward).
 */
export function peersOf(cluster: Cluster, host: ClusterHost, facts: (name: string) => HostFacts | undefined): Peer[] {
  if (host.role === 'agent') return [];
  const members = cluster.hosts.flatMap((one) => facts(one.name)?.members ?? []);
  return cluster.hosts.flatMap((one) => {
    if (one.role !== 'server' || one.name === host.name) return [];
    const member = members.find((found) => found.name.replace(/-[0-9a-f]{8}$/, '') === one.nodeName);
    const inventory = one.address.replace(/ port \d+$/, '');
    const address =
      facts(one.name)?.service?.nodeIp ??
      (member === undefined ? undefined : urlHost(member.peer)) ??
      (/^(127\.|::1$|localhost$)/.test(inventory) ? undefined : inventory);
    return address === undefined || address === '' ? [] : [{ name: one.name, address }];
  });
}

/** Another server, whose ports are tried. */
export interface Peer {
  readonly name: string;
  readonly address: string;
}

/**
 * Looks at one host: all questions at once, each bounded, none of which changes a byte. A host that cannot be reached is a
 * fact with its reason.
 */
export async function surveyHost(
  host: Host,
  about: ClusterHost,
  signal: AbortSignal,
  known?: Known,
  peers: readonly Peer[] = [],
): Promise<HostFacts> {
  const ask = asker(host, signal);
  try {
    return await survey(about, ask, known?.reachable === true ? known : undefined, peers);
  } catch (error) {
    if (signal.aborted) throw error;
    const problem = toProblem(error);
    return { reachable: false, problem: { id: problem.id, what: problem.what, next: problem.next } };
  }
}

async function survey(about: ClusterHost, ask: AskHost, known: Known, peers: readonly Peer[]): Promise<HostFacts> {
  const sent = Date.now();
  const date = await ask(['date', '+%s.%N'], { root: false });
  const took = Date.now() - sent;
  const paths = k3sPaths(about.dataDir, about.service);
  const [identity, unitSaid, sockets, processes] = await Promise.all([
    identityOf(ask, known),
    ask(showUnit(paths.unit)),
    ask(listSockets()),
    ask(listProcesses()),
  ]);
  answered(about.name, [unitSaid, 'what systemd knows of K3s']);
  const unit = parseUnit(unitSaid.stdout);
  const service = unit.load === 'loaded' ? await serviceOf(ask, about, paths, unit, known?.service) : undefined;
  const real = service?.dataDir === undefined ? paths : k3sPaths(service.dataDir, about.service);
  const server = about.role === 'server' ? await serverOf(ask, about.name, real, service, known, peers) : {};
  return {
    reachable: true,
    ...identity,
    // Where systemd is not running `systemctl show` fails; a unit that does not exist is shown as not-found.
    init: unitSaid.code === 0 ? 'systemd' : 'other',
    // One command there and back, now; what the connection measured when it was made may be long ago.
    latencyMs: took,
    clockOffsetMs: clockOffset(date.stdout, sent, took),
    ...(await addressesOf(ask, service, known)),
    ...(service === undefined ? {} : { service }),
    held: unit.dropIns.includes(paths.holdDropIn),
    ports: about.role === 'server' ? heldPorts(parseListeners(sockets.stdout)) : [],
    processes:
      about.role === 'server'
        ? k3sServers(parseProcesses(processes.stdout)).map((one) => `${one.pid} ${one.user}`)
        : [],
    ...(await diskOf(ask, real.dataDir)),
    ...server,
  };
}

/** Rounded to half a second: less is not known over SSH, and a fact should not change with every look. */
function clockOffset(stdout: string, sent: number, took: number): number {
  const theirs = Number(stdout.trim()) * 1000;
  if (!Number.isFinite(theirs) || theirs === 0) return 0;
  return Math.round((theirs - (sent + took / 2)) / 500) * 500;
}

type Identity = Pick<HostFacts, 'hostname' | 'machineId' | 'os' | 'lacks'>;

async function identityOf(ask: AskHost, known: Known): Promise<Identity> {
  if (known?.machineId !== undefined) {
    const { hostname, machineId, os, lacks } = known;
    return {
      machineId,
      ...(hostname === undefined ? {} : { hostname }),
      ...(os === undefined ? {} : { os }),
      ...(lacks === undefined ? {} : { lacks }),
    };
  }
  const [hostname, machine, release, curl] = await Promise.all([
    ask(['hostname'], { root: false }),
    ask(readFile('/etc/machine-id'), { root: false }),
    ask(readFile('/etc/os-release'), { root: false }),
    ask(['curl', '--version'], { root: false }),
  ]);
  return {
    hostname: hostname.stdout.trim(),
    machineId: machine.stdout.trim(),
    os: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release.stdout)?.[1] ?? '',
    ...(curl.code === 0 ? {} : { lacks: ['curl'] }),
  };
}

/** A machine without K3s does not say which address it will be found at; later CNI's own addresses are among these. */
async function addressesOf(
  ask: AskHost,
  service: ServiceFacts | undefined,
  known: Known,
): Promise<Pick<HostFacts, 'addresses'>> {
  if (known?.addresses !== undefined) return { addresses: known.addresses };
  if (service !== undefined) return {};
  const said = await ask(['hostname', '-I'], { root: false });
  const addresses = said.stdout.split(/\s+/).filter((word) => word !== '');
  return said.code === 0 && addresses.length > 0 ? { addresses } : {};
}

async function diskOf(ask: AskHost, dataDir: string): Promise<Pick<HostFacts, 'diskFree' | 'diskSize'>> {
  const own = await ask(diskFree(dataDir));
  const disk = parseDf(own.code === 0 ? own.stdout : (await ask(diskFree('/var/lib'))).stdout)[0];
  // Rounded to 100 MB, so that a log line more does not count as a change.
  return disk === undefined ? {} : { diskFree: Math.floor(disk.available / 1e8) * 1e8, diskSize: disk.size };
}

const unitFacts = (unit: UnitState): UnitFacts => ({
  load: unit.load,
  active: unit.active,
  sub: unit.sub,
  enabled: unit.enabled,
  restarts: unit.restarts,
  crashLoop: looksLikeCrashLoop(unit),
  activeSince: unit.activeSince,
});

async function serviceOf(
  ask: AskHost,
  about: ClusterHost,
  paths: K3sPaths,
  unit: UnitState,
  known: ServiceFacts | undefined,
): Promise<ServiceFacts> {
  if (known !== undefined) return { ...known, unit: unitFacts(unit) };
  const [program, { config, files, silent }] = await Promise.all([
    ask([unit.execStart[0] ?? '/usr/local/bin/k3s', '--version'], { root: false }),
    readServiceConfig(ask, about.service, paths, unit.execStart),
  ]);
  if (silent[0] !== undefined) throw tooSlow(about.name, `what ${silent[0]} says`);
  const token = await tokenOf(ask, about.name, config, paths);
  const optional = {
    ...(config.nodeName === undefined ? {} : { nodeName: config.nodeName.value }),
    ...(config.nodeIp === undefined ? {} : { nodeIp: config.nodeIp.value.split(',')[0] ?? '' }),
    ...(config.dataDir === undefined ? {} : { dataDir: config.dataDir.value }),
  };
  return {
    path: unit.execStart[0] ?? '/usr/local/bin/k3s',
    version: /k3s version (\S+)/.exec(program.stdout)?.[1] ?? '',
    unit: unitFacts(unit),
    args: config.args,
    ...(config.server === undefined ? {} : { serverUrl: { url: config.server.value, from: config.server.from } }),
    ...optional,
    ...token,
    clusterInit: config.clusterInit,
    etcdS3: config.etcdS3,
    clusterReset: config.clusterReset,
    configFiles: files,
    problems: config.problems,
  };
}

/** The token the service would start with, as its hash; the token itself is forgotten here. */
async function tokenOf(
  ask: AskHost,
  name: string,
  config: K3sConfig,
  paths: K3sPaths,
): Promise<{ tokenHash?: string; tokenFrom?: string }> {
  if (config.token !== undefined) return hashed(config.token.secret, config.token.file ?? `its ${config.token.from}`);
  const file = config.tokenFile?.value ?? paths.token;
  const said = await ask(readFile(file));
  answered(name, [said, `what ${file} says`]);
  return said.code === 0 ? hashed(new Secret(said.stdout.trim()), file) : {};
}

function hashed(token: Secret, from: string): { tokenHash?: string; tokenFrom?: string } {
  const hash = tokenHash(token);
  return hash === undefined
    ? { tokenFrom: `${from}, which holds no valid token` }
    : { tokenHash: hash, tokenFrom: from };
}

async function serverOf(
  ask: AskHost,
  name: string,
  paths: K3sPaths,
  service: ServiceFacts | undefined,
  known: Known,
  peers: readonly Peer[],
): Promise<Partial<HostFacts>> {
  const [data, ca, health, memberList, ready] = await Promise.all([
    dataOf(ask, name, paths, service),
    known?.caHash ?? ask(sha256(paths.serverCa)).then((said) => /^([0-9a-f]{64})/.exec(said.stdout)?.[1]),
    ask(etcdHealth()),
    ask(members()),
    service === undefined || service.unit.active !== 'active'
      ? undefined
      : ask(kubectl(k3sRun(service.path, paths.dataDir), 'get', '--raw', '/readyz'), { timeoutMs: 8_000 }),
  ]);
  // After the rest: sshd lets only so many sessions in at once, and what is asked often must not wait for what is not.
  const answer = parseHttp(health.stdout);
  const slow = await seldom(ask, paths, service, known, peers, answer.code === 200);
  const found = parseMembers(parseHttp(memberList.stdout).body);
  return {
    data,
    ...(ca === undefined ? {} : { caHash: ca }),
    ...slow,
    ...(answer.code === 0
      ? {}
      : { etcd: { healthy: answer.code === 200, reason: healthReason(answer), ...(await numbersOf(ask, known)) } }),
    ...(found === undefined ? {} : { members: found }),
    apiReady: ready?.stdout.trim() === 'ok',
  };
}

/** What changes seldom, or costs something to ask: on a full look only. */
async function seldom(
  ask: AskHost,
  paths: K3sPaths,
  service: ServiceFacts | undefined,
  known: Known,
  peers: readonly Peer[],
  etcdHealthy: boolean,
): Promise<Pick<HostFacts, 'lastFatal' | 'certExpires' | 'cannotReach'>> {
  const looping = service?.unit.crashLoop === true;
  // Its etcd votes, and its kubelet may be refused all the same, over and over: asked on a full look, and until it is over.
  const stuck = !looping && etcdHealthy && (known === undefined || known.lastFatal !== undefined);
  const told = looping
    ? (known?.lastFatal ?? lastFatal((await ask(lastLines(paths.unit, 300))).stdout))
    : stuck
      ? stuckOn((await ask(recentLines(paths.unit, 200))).stdout)
      : undefined;
  const fatal = told === undefined ? {} : { lastFatal: told };
  if (known !== undefined) {
    const { certExpires, cannotReach } = known;
    return {
      ...fatal,
      ...(certExpires === undefined ? {} : { certExpires }),
      ...(cannotReach === undefined ? {} : { cannotReach }),
    };
  }
  const [cert, ...tried] = await Promise.all([
    ask(readFile(`${paths.tls}/serving-kube-apiserver.crt`)),
    ...peers.flatMap((peer) =>
      PEER_PORTS.map(async (port) => {
        const said = await ask(canConnect(peer.address, port), { root: false });
        return Number(said.stdout.trim()) > 0 ? undefined : `${peer.name}:${port}`;
      }),
    ),
  ]);
  const expires = expiryOf(cert.stdout);
  const cannotReach = tried.filter((one) => one !== undefined);
  return {
    ...fatal,
    ...(expires === undefined ? {} : { certExpires: expires }),
    ...(cannotReach.length > 0 ? { cannotReach } : {}),
  };
}

/** What servers need of each other (facts 2.2). */
const PEER_PORTS = [2379, 2380, 6443] as const;

function expiryOf(pem: string): number | undefined {
  try {
    return Math.floor(Date.parse(new X509Certificate(pem).validTo) / 1000);
  } catch {
    return undefined;
  }
}

/** etcd's own numbers; while it has a leader they move all the time and are asked on full looks only. */
async function numbersOf(ask: AskHost, known: Known): Promise<{ revision?: number; index?: number }> {
  if (known?.etcd?.healthy === true) {
    const { revision, index } = known.etcd;
    return { ...(revision === undefined ? {} : { revision }), ...(index === undefined ? {} : { index }) };
  }
  const numbers = parseEtcdMetrics((await ask(etcdMetrics(), { root: false })).stdout);
  return numbers === undefined ? {} : { revision: numbers.revision, index: numbers.index };
}

async function dataOf(
  ask: AskHost,
  name: string,
  paths: K3sPaths,
  service: ServiceFacts | undefined,
): Promise<DataFacts> {
  const [listing, wal, db, used, tombstone, mount] = await Promise.all([
    ask(listDirectory(paths.db)),
    ask(['stat', '-c', '%F', `${paths.etcd}/member/wal`]),
    ask(statFile(`${paths.etcd}/member/snap/db`)),
    ask(diskUsed(paths.etcd)),
    ask(statFile(paths.tombstone)),
    ask(mountPointOf(paths.etcd)),
  ]);
  answered(
    name,
    [listing, `what lies in ${paths.db}`],
    [wal, 'whether it has etcd data'],
    [db, 'what its database is'],
    [tombstone, 'whether its etcd was removed'],
  );
  const entries = parseEntries(listing.stdout);
  const [size, , , modified] = db.stdout.trim().split(' ');
  const etcdBytes = Number(/^(\d+)/.exec(used.stdout)?.[1] ?? Number.NaN);
  const external = service?.args.some((arg) => arg.startsWith('--datastore-endpoint')) === true;
  return {
    datastore:
      wal.code === 0
        ? 'etcd'
        : external
          ? 'external'
          : entries.some((entry) => entry.name === 'state.db')
            ? 'sqlite'
            : 'none',
    ...(db.code === 0 ? { dbBytes: Number(size), dbModified: Number(modified) } : {}),
    ...(Number.isNaN(etcdBytes) ? {} : { etcdBytes }),
    resetFlag: entries.some((entry) => entry.name === 'reset-flag'),
    tombstone: tombstone.code === 0,
    mountPoint: mount.stdout.trim() === paths.etcd,
    aside: asideData(entries),
  };
}

/** What two looks are compared by: sizes, times, latencies and restart counts move by themselves and do not count. */
export function factsDigest(facts: HostFacts): string {
  const { latencyMs: _latency, data, service, etcd, lastFatal: _fatal, ...rest } = facts;
  const unit = service?.unit;
  // A crash loop flips between its two states every few seconds; that it is one is the fact.
  const state =
    unit === undefined ? null : unit.crashLoop ? 'crash loop' : `${unit.active} ${unit.sub} ${unit.activeSince}`;
  return JSON.stringify({
    ...rest,
    // Its words change with every try; what can be put right about it is a fact.
    causes: ailments(facts).map((one) => one.id),
    etcd: etcd === undefined ? null : [etcd.healthy, etcd.reason],
    service: service === undefined ? null : { ...service, unit: [unit?.load, unit?.enabled, state] },
    data:
      data === undefined
        ? null
        : [data.content ?? null, data.datastore, data.resetFlag, data.tombstone, data.mountPoint, data.aside],
  });
}
