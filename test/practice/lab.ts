import { readFileSync } from 'node:fs';
import { VirtualClock } from '../../src/base/clock.js';
import { createPracticeCluster, type PracticeCluster, type PracticeOptions } from '../../src/practice/cluster.js';
import { snapshot } from '../../src/practice/data.js';
import type { ExecOptions, ExecResult } from '../../src/practice/node/node.js';

const FIXTURES = new URL('../fixtures/real-k3s/', import.meta.url);
export const DB = '/var/lib/rancher/k3s/server/db';
export const MARKER = 'restart without --cluster-reset flag now';

/** A recorded file. */
export function recorded(path: string): string {
  return readFileSync(new URL(path, FIXTURES), 'utf8');
}

/** The command and exit code of a recording. */
export function recordedCommand(path: string): { command: string; exit_code: number } {
  return JSON.parse(recorded(path)) as { command: string; exit_code: number };
}

/** A cluster on a virtual clock, with the few verbs the tests speak. */
export class Lab {
  readonly clock: VirtualClock;
  readonly cluster: PracticeCluster;

  constructor(options: Omit<PracticeOptions, 'clock'> = {}, from?: { clock: VirtualClock; cluster: PracticeCluster }) {
    this.clock = from?.clock ?? new VirtualClock();
    this.cluster = from?.cluster ?? createPracticeCluster({ ...options, clock: this.clock });
  }

  /** Runs a command to its end; time passes as it needs. */
  async run(node: string, command: string, options: ExecOptions = {}): Promise<ExecResult> {
    const stop = this.clock.runFree();
    try {
      return await this.cluster.node(node).exec(command, options);
    } finally {
      stop();
    }
  }

  async out(node: string, command: string): Promise<string> {
    const { stdout, stderr, code } = await this.run(node, command);
    if (code !== 0) throw new Error(`${node}: ${command}: ${code}: ${stderr}`);
    return stdout;
  }

  async put(node: string, path: string, text: string | Uint8Array): Promise<void> {
    const stdin = typeof text === 'string' ? new Uint8Array(Buffer.from(text)) : text;
    await this.run(node, `dd of=${path} status=none`, { stdin });
  }

  async stopServers(): Promise<void> {
    for (const name of ['node-1', 'node-2', 'node-3']) await this.run(name, 'systemctl stop k3s');
  }

  /** Unit state in one word pair, `active running`. */
  async unit(node: string, name = 'k3s'): Promise<string> {
    return (await this.out(node, `systemctl show ${name} -p ActiveState,SubState --value`)).trim().replace('\n', ' ');
  }

  async members(node: string): Promise<{ ID: string; name?: string; isLearner?: boolean }[]> {
    const text = await this.out(node, 'curl -sk -m 5 https://127.0.0.1:6443/db/info');
    return (JSON.parse(text.replace(/"ID":(\d+)/g, '"ID":"$1"')) as { members: { ID: string }[] }).members;
  }

  /** The snapshots of the recordings, good and spoilt, where the recordings had them. */
  placeSnapshots(): void {
    const files = this.cluster.node('node-1').files();
    const good = snapshot('s1');
    const flipped = good.slice();
    flipped[1_000_000] = (flipped[1_000_000] ?? 0) ^ 0xff;
    const put = (name: string, bytes: Uint8Array): void => files.write(`${DB}/snapshots/${name}`, bytes, 0o600);
    put('on-demand-node-1-1795342536', good);
    put('flipped', flipped);
    put('truncated', good.slice(0, 1_000_100));
    put('no-trailer', good.slice(0, good.length - 32));
    files.mkdir('/root/snap', { parents: true });
    files.write('/root/snap/on-demand-node-1-1795342536', good, 0o600);
  }
}
