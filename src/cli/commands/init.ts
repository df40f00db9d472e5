import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { EXIT, ProblemError } from '../../base/problem.js';
import { inventoryPlaces, parseInventory } from '../../inventory/load.js';
import { type Draft, type DraftBucket, type DraftHost, inventoryText, shortName } from '../init/draft.js';
import { type FromKubeconfig, fromKubeconfig } from '../init/kubeconfig.js';
import { bucketFromRclone } from '../init/rclone.js';
import { err, out } from '../output.js';

export interface InitOptions {
  readonly inventory?: string;
  readonly fromKubeconfig?: string;
  readonly fromSshConfig?: readonly string[];
  readonly fromRclone?: string;
}

/** Writes an inventory from what is at hand, and asks for the rest where there is a terminal. Never overwrites one. */
export async function initCommand(options: InitOptions): Promise<number> {
  const [target = ''] = inventoryPlaces(options.inventory === undefined ? {} : { file: options.inventory });
  if (existsSync(target))
    throw usage(
      'inventory-there',
      `There is an inventory already: ${target}.`,
      'Edit it, or write another: blackstart --inventory FILE init',
    );
  const found = options.fromKubeconfig === undefined ? undefined : await kubeconfig(options.fromKubeconfig);
  const hosts = sshHosts(options.fromSshConfig ?? []);
  const bucket = options.fromRclone === undefined ? undefined : rclone(options.fromRclone);
  const known: Draft = {
    cluster: found?.cluster ?? 'production',
    ...(found === undefined || /^https?:\/\/(127\.|localhost|\[::1\])/.test(found.api) ? {} : { api: found.api }),
    servers: hosts.servers.length > 0 ? hosts.servers : (found?.servers ?? []),
    agents: hosts.agents.length > 0 ? hosts.agents : (found?.agents ?? []),
    ...(bucket === undefined ? {} : { bucket }),
  };
  const draft = process.stdin.isTTY && process.stderr.isTTY ? await ask(known) : known;
  if (draft.servers.length === 0)
    throw usage(
      'no-servers',
      `No server is known${found?.problem === undefined ? '' : `: ${found.problem}`}.`,
      'Name them: blackstart init --from-ssh-config cp1 cp2 cp3 w1:agent; or run it in a terminal, which asks.',
    );
  const text = inventoryText(draft);
  // What is written can be read again: every mistake is seen now, not at 03:00.
  parseInventory(text, target);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text, { mode: 0o600, flag: 'wx' });
  out(
    `Written: ${target}. Passphrase and token are asked for when they are needed; say where they lie to have them read.`,
  );
  out(`Next: blackstart${options.inventory === undefined ? '' : ` --inventory ${options.inventory}`} doctor`);
  return EXIT.ok;
}

async function kubeconfig(file: string): Promise<FromKubeconfig> {
  try {
    const found = await fromKubeconfig(file);
    if (found.problem !== undefined) err(`The API at ${found.api} does not list its nodes: ${found.problem}`);
    return found;
  } catch (error) {
    throw usage(
      'kubeconfig-unreadable',
      error instanceof Error ? error.message : String(error),
      'K3s writes one to /etc/rancher/k3s/k3s.yaml.',
    );
  }
}

/** `cp1`, `w1:agent`: aliases of `~/.ssh/config`, which then says address, port, user, key and jump host. */
function sshHosts(specs: readonly string[]): { servers: DraftHost[]; agents: DraftHost[] } {
  const taken = new Set<string>();
  const hosts = specs.map((spec) => {
    const [, alias = spec, role] = /^(.+?)(?::(agent|server))?$/.exec(spec) ?? [];
    const name = shortName(alias, taken);
    taken.add(name);
    return { role, host: { name, address: alias } };
  });
  return {
    servers: hosts.filter((one) => one.role !== 'agent').map((one) => one.host),
    agents: hosts.filter((one) => one.role === 'agent').map((one) => one.host),
  };
}

function rclone(spec: string): DraftBucket {
  const file =
    process.env.RCLONE_CONFIG ??
    join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'rclone', 'rclone.conf');
  let config: string;
  try {
    config = readFileSync(file, 'utf8');
  } catch (error) {
    throw usage(
      'rclone-unreadable',
      `rclone's configuration cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      'Where it is, says: rclone config file',
    );
  }
  const bucket = bucketFromRclone(config, spec, file);
  if (typeof bucket === 'string') throw usage('rclone-remote', bucket, 'The remotes there are: rclone listremotes');
  return bucket;
}

/** Asks on a terminal for what is not known; enter takes what stands in brackets. */
async function ask(known: Draft): Promise<Draft> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const question = async (text: string, otherwise = ''): Promise<string> =>
    (await lines.question(`${text}${otherwise === '' ? '' : ` [${otherwise}]`}: `)).trim() || otherwise;
  const hosts = async (what: string, list: readonly DraftHost[], taken: Set<string>): Promise<readonly DraftHost[]> => {
    if (list.length > 0) return list;
    const typed = await question(`${what}, addresses or Hosts of ~/.ssh/config, with spaces between`);
    return typed
      .split(/[\s,]+/)
      .filter((one) => one !== '')
      .map((address) => {
        const name = shortName(address, taken);
        taken.add(name);
        return { name, address };
      });
  };
  try {
    const taken = new Set<string>();
    const cluster = await question('Name of the cluster, typed at gates', known.cluster);
    const servers = await hosts('Servers', known.servers, taken);
    const agents = await hosts('Agents (enter for none)', known.agents, taken);
    const user = await question('Login user (enter leaves it to ~/.ssh/config)');
    const bucket = known.bucket ?? (await askBucket(question));
    return {
      ...known,
      cluster,
      servers,
      agents,
      ...(user === '' ? {} : { user }),
      ...(bucket === undefined ? {} : { bucket }),
    };
  } finally {
    lines.close();
  }
}

async function askBucket(
  question: (text: string, otherwise?: string) => Promise<string>,
): Promise<DraftBucket | undefined> {
  const endpoint = await question('Storage of the backups, e.g. https://minio.example.org (enter for none)');
  if (endpoint === '') return undefined;
  const bucket = await question('Bucket', 'k3s-backups');
  const prefix = await question('Folder in it', 'k3s-etcd-backups/');
  return {
    endpoint,
    bucket,
    prefix,
    credentials: { accessKeyId: 'env:BACKUP_ACCESS_KEY_ID', secretAccessKey: 'env:BACKUP_SECRET_ACCESS_KEY' },
  };
}

const usage = (id: string, what: string, next: string): ProblemError =>
  new ProblemError({ id, what, next }, EXIT.usage);
