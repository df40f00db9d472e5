import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadInventory } from '../../../src/inventory/load.js';
import { createPracticeCluster } from '../../../src/practice/cluster.js';
import type { Serving } from '../../../src/practice/serve.js';
import type { ExecResult, Host } from '../../../src/remote/host.js';
import { type Hosts, type OpenHostsOptions, openHosts } from '../../../src/remote/hosts.js';
import { writeInventory } from './inventory.js';
import { Lab } from './lab.js';

/** The same host interface, once to a practice node and three times to real ones with different logins. */
export class BothKinds {
  private constructor(
    readonly lab: Lab,
    private readonly real: Hosts,
    private readonly practice: Hosts,
    private readonly serving: Serving,
    private readonly folder: string,
  ) {}

  static async open(options: Pick<OpenHostsOptions, 'keepaliveMs'> = {}): Promise<BothKinds> {
    const lab = await Lab.boot();
    const folder = mkdtempSync(join(tmpdir(), 'blackstart-practice-'));
    const serving = await createPracticeCluster({ faults: ['healthy'], speed: 20 }).listen(folder);
    const practice = openHosts(await loadInventory({ file: serving.inventory }));
    const file = writeInventory(lab, { backups: `snapshots: { folder: ${lab.home} }` });
    return new BothKinds(lab, openHosts(await loadInventory({ file }), options), practice, serving, folder);
  }

  get practiceHost(): Host {
    return this.practice.get('node-1');
  }

  /** root behind a jump host, a user with a sudo password, a user without one on another port. */
  get realHosts(): Host[] {
    return ['node-1', 'node-2', 'node-3'].map((name) => this.real.get(name));
  }

  /** The one with another data directory. */
  get real3(): Host {
    return this.real.get('node-3');
  }

  get all(): Host[] {
    return [this.practiceHost, ...this.realHosts];
  }

  async close(): Promise<void> {
    await this.practice.closeAll();
    await this.serving.close();
    await this.real.closeAll();
    await this.lab.down();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** As root, as the console does. */
export const as = (host: Host, argv: readonly string[], timeoutMs = 30_000): Promise<ExecResult> =>
  host.exec({ argv, root: true, timeoutMs });

/** As root, and it has to succeed. */
export async function did(host: Host, argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await as(host, argv);
  if (code !== 0) throw new Error(`${host.name}: ${argv.join(' ')}: exit ${code}: ${stderr}`);
  return stdout;
}

export const putText = (host: Host, path: string, text: string, mode = 0o644): Promise<unknown> =>
  host.put({ path, mode, root: true, source: { bytes: Buffer.from(text) } });
