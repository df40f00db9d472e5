import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readRun } from '../../src/record/runs.js';
import { quoteArgv } from '../../src/remote/quote.js';
import { LabBucket } from './lab/bucket.js';
import { LabCluster } from './lab/cluster.js';
import { drive } from './lab/drive.js';
import { writeInventory } from './lab/inventory.js';
import { Lab } from './lab/lab.js';
import { HOSTS } from './lab/plan.js';
import { must, until } from './lab/sh.js';

/**
 * Time to recovery: the runbook's own commands, typed by a script that never hesitates, against the console's full restore with its proof, its
 * safety copies and its verification. Both begin with three servers that are well, as the recorded 77 s did (R50). Same lab, same backup,
 * same run; only the ratio means something, since K3s is a stand-in here. Run by `npm run bench recovery`, never by `npm run test:hosts` alone.
 */

let lab: Lab;
let cluster: LabCluster;
let bucket: LabBucket;
beforeAll(async () => {
  lab = await Lab.boot({ k3s: 'off' });
  // As slow as the recordings: what is compared is how long one waits for K3s, and how often.
  writeFileSync(`${lab.places.code}/pace`, '1');
  cluster = new LabCluster(lab);
  bucket = await LabBucket.open(lab);
  await cluster.form();
}, 300_000);
afterAll(async () => {
  await bucket?.close();
  await lab?.down();
});

const PREFIX = '/registry/configmaps/lab/';
const PATH = 'PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';
const K3S = ['env', PATH, 'k3s'];

/** What is asked and done on a host, as root: as a shell script does it, with `ssh` for each command (the recorded runs were, R50). */
type Shell = (host: string, argv: readonly string[], input?: Uint8Array) => Promise<string>;

const LOGGED_IN_MS = 500n;

function overSsh(): Shell {
  const file = `${lab.home}/ssh_config`;
  const entries = HOSTS.map(
    ({ name, ip, sshPort, user, jump }) =>
      `Host ${name}\n  HostName ${ip}\n  Port ${sshPort}\n  User ${user}\n${jump === undefined ? '' : `  ProxyJump ${jump}\n`}`,
  );
  const all = `Host *\n  IdentityFile ${lab.home}/id_ed25519\n  UserKnownHostsFile ${lab.home}/known_hosts\n  BatchMode yes\n`;
  writeFileSync(file, [...entries, all].join(''));
  return async (name, argv, input) => {
    const { sudo } = lab.machine(name).host;
    const asRoot = sudo === 'none' ? [] : sudo === 'password' ? ['sudo', '-S', '-p', '', '--'] : ['sudo', '-n', '--'];
    const given = sudo === 'password' ? `${lab.secrets.sudoPassword}\n` : (input ?? '');
    return must(['ssh', '-F', file, name, quoteArgv([...asRoot, ...argv])], { input: given });
  };
}

/** Steps 1 to 7 of the paper, but for its test pod, one after the other: no person, no proof, and no longer a wait than it must. */
async function byPaper(key: string, shell: Shell): Promise<void> {
  const begun = performance.now();
  const said = (what: string): void =>
    void process.stdout.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  paper: ${what}\n`);
  const [primary, ...others] = cluster.servers.map((server) => server.host);
  if (primary === undefined) throw new Error('no server');
  const ready = async (name: string): Promise<boolean> => {
    const nodes = await shell(primary.name, [...K3S, 'kubectl', 'get', 'nodes', '--no-headers']).catch(() => '');
    return nodes.split('\n').some((line) => new RegExp(`^${name}\\s+Ready\\b`).test(line));
  };
  // In one moment, as the recorded stops began within 0.2 s of each other (R50, R55): here one server is behind another host, and answers later.
  const together = (BigInt(Date.now()) + LOGGED_IN_MS) * 1_000_000n;
  await Promise.all(
    [primary, ...others].map(async ({ name, dataDir }) => {
      await shell(name, [
        'sh',
        '-c',
        `while [ "$(date +%s%N)" -lt ${together} ]; do sleep 0.02; done; systemctl stop k3s`,
      ]);
      await shell(name, ['systemctl', 'disable', '--quiet', 'k3s']);
      await shell(name, ['rm', '-rf', `${dataDir}/server/db/etcd`]);
    }),
  );
  said('stopped everywhere');
  const work = `${lab.home}/paper`;
  mkdirSync(work, { recursive: true, mode: 0o700 });
  await bucket.storage.get(key, work);
  writeFileSync(`${work}/passphrase`, lab.secrets.passphrase, { mode: 0o600 });
  const plain = `${work}/restored-snapshot.db`;
  await must(
    `gpg --homedir ${work} --batch --yes --pinentry-mode loopback --passphrase-file ${work}/passphrase --decrypt --output ${plain} ${work}/${key}`.split(
      ' ',
    ),
  );
  const snapshots = `${primary.dataDir}/server/db/snapshots`;
  await shell(primary.name, ['dd', `of=${snapshots}/restored-snapshot.db`, 'status=none'], readFileSync(plain));
  said('fetched and decrypted');
  const reset = ['--cluster-reset', `--cluster-reset-restore-path=${snapshots}/restored-snapshot.db`];
  await shell(primary.name, ['env', PATH, `K3S_NODE_NAME=${primary.name}`, 'k3s', 'server', ...reset]);
  said('reset');
  for (const { name, dataDir } of [primary, ...others]) {
    // The paper empties the others' databases a second time.
    if (name !== primary.name) await shell(name, ['rm', '-rf', `${dataDir}/server/db/etcd`]);
    await shell(name, ['systemctl', 'start', 'k3s']);
    await shell(name, ['systemctl', 'enable', '--quiet', 'k3s']);
    await until(`${name} Ready`, () => ready(name), { withinMs: 240_000 });
    said(`${name} Ready`);
  }
  for (const { host } of lab.machines.values()) {
    if (host.role === 'server') continue;
    await shell(host.name, ['systemctl', 'restart', 'k3s-agent']);
    await until(`${host.name} Ready`, () => ready(host.name), { withinMs: 240_000 });
  }
  said('workers Ready');
  for (const what of ['nodes', 'pods', 'pv,pvc', 'svc', 'ingress'])
    await shell(primary.name, [...K3S, 'kubectl', 'get', what, '--all-namespaces']);
}

async function byThePaper(key: string, backup: Map<string, string>): Promise<number> {
  await cluster.put(`${PREFIX}lost`, 'written after the backup');
  const shell = overSsh();
  const took = await timed(() => byPaper(key, shell));
  for (const server of cluster.servers) expect(await cluster.read(PREFIX, server.host.name)).toEqual(backup);
  return took;
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await act();
  return (performance.now() - begun) / 1000;
}

/** When each step of the console's run ended, seconds from the beginning, and what it took. */
function longest(record: string): string[] {
  const { events } = readRun(record);
  const begun = events[0]?.mono ?? 0;
  let last = begun;
  return events.flatMap((event) => {
    if (event.type !== 'step-ended' || !('step' in event)) return [];
    const took = (event.mono - last) / 1000;
    last = event.mono;
    const { step, host } = event as { step: string; host: string };
    return [
      `${((event.mono - begun) / 1000).toFixed(1).padStart(7)} s  +${took.toFixed(1).padStart(5)}  ${step} ${host}`,
    ];
  });
}

/** The last of what the paper does, too: every server and worker Ready, objects, pods, volumes and services looked at. */
const LAST_OF_THE_PAPER = 'verify-pods';

/** When the paper's last step was done, and when the plan's, its test pod, fresh snapshot and clean-up included: milliseconds since the epoch. */
function recoveredAt(record: string): { verified: number; ended: number } {
  const { events } = readRun(record);
  const at = (which: (event: (typeof events)[number]) => boolean): number => {
    const found = events.find(which);
    if (found === undefined) throw new Error('the run did not come to its end');
    return Date.parse(found.at);
  };
  return {
    verified: at((event) => event.type === 'step-ended' && 'step' in event && event.step === LAST_OF_THE_PAPER),
    ended: at((event) => event.type === 'run-ended'),
  };
}

it('the console against the paper', { timeout: 1_800_000 }, async () => {
  for (let n = 0; n < 20; n++) await cluster.put(`${PREFIX}kept-${n}`, `value ${n}`);
  const key = await bucket.upload(await cluster.snapshot());
  const backup = await cluster.read(PREFIX);

  const inventory = writeInventory(lab, { backups: bucket.lines });
  const paper = await byThePaper(key, backup);

  await cluster.put(`${PREFIX}lost`, 'written after the backup');
  const begun = Date.now();
  const run = drive(lab, inventory);
  const ended = await run.ended;
  const closed = (Date.now() - begun) / 1000;
  expect(ended.recovered, `${ended.why}\n${run.said()}`).toBe(true);
  for (const server of cluster.servers) expect(await cluster.read(PREFIX, server.host.name)).toEqual(backup);
  for (const text of longest(ended.record)) process.stdout.write(`${text}\n`);
  const at = recoveredAt(ended.record);
  const against = (what: string, seconds: number): string =>
    `${what}, ${seconds.toFixed(1)} s / the paper's commands ${paper.toFixed(1)} s = ${(seconds / paper).toFixed(2)}\n`;
  process.stdout.write(
    against(
      'recovery: the console from its start to where the paper ends, proven and verified',
      (at.verified - begun) / 1000,
    ) +
      against('          and its test pod, fresh snapshot and clean-up', (at.ended - begun) / 1000) +
      against('          and its closing table, until the program has ended', closed),
  );
});
