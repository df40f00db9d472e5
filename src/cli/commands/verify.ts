import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fetchAndProve, type Source } from '../../backups/index.js';
import { EXIT, ProblemError } from '../../base/problem.js';
import { Secret } from '../../base/secret.js';
import type { NamedToken, Proof } from '../../snapshot/index.js';
import { err, json, out } from '../output.js';
import { spoolDir, stateDir } from '../places.js';
import { deskOf, type InventoryOption, inventoryOf } from './shared.js';

export interface VerifyOptions extends InventoryOption {
  readonly latest: boolean;
  readonly tokenFile?: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Proves a backup without a restore: a file, a name in the catalogue, or the newest. Exit 0 restorable, 1 not. */
export async function verifyCommand(backup: string | undefined, options: VerifyOptions): Promise<number> {
  if (backup === undefined && !options.latest)
    throw usage('Nothing to verify was named.', 'Give a file, the name of a backup, or --latest.');
  const file = backup !== undefined && existsSync(backup) ? backup : undefined;
  const { source, tokens, passphrase } =
    file === undefined ? await fromCatalogue(backup, options) : await fromFile(file, options);
  const progress = process.stderr.isTTY && !options.quiet && !options.json;
  const fetched = await fetchAndProve(
    {
      source,
      spool: `${spoolDir(stateDir())}-verify`,
      ...(passphrase === undefined ? {} : { passphrase }),
      prove: { tokens },
    },
    {
      onProgress: ({ stage, done, total }) => {
        if (progress)
          process.stderr.write(`\r${stage} ${total === 0 ? '' : `${Math.floor((done / total) * 100)} %`}   `);
      },
    },
  );
  if (progress) process.stderr.write('\r\u001b[K');
  if (fetched.file !== undefined) rmSync(fetched.file, { force: true });
  if (options.json) json(fetched.proof);
  else sayProof(fetched.proof);
  return fetched.proof.ok ? EXIT.ok : EXIT.no;
}

interface Found {
  readonly source: Source;
  readonly tokens: readonly NamedToken[];
  readonly passphrase?: Secret;
}

async function fromFile(path: string, options: VerifyOptions): Promise<Found> {
  const encrypted = /\.(gpg|pgp|asc)$/.test(path);
  // A plain file needs no inventory; for a passphrase or a token it is looked at when there is one.
  const inventory = encrypted || options.inventory !== undefined ? await inventoryOf(options) : undefined;
  const secrets = inventory === undefined ? undefined : deskOf(inventory).secrets;
  const passphrase = encrypted ? await secrets?.passphrase() : undefined;
  return {
    source: { kind: 'file', path },
    tokens: await tokensOf(options, secrets),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

async function fromCatalogue(name: string | undefined, options: VerifyOptions): Promise<Found> {
  const { desk, secrets } = deskOf(await inventoryOf(options));
  const listed = await desk.list();
  const found = name === undefined ? listed[0] : listed.find((one) => one.name === name || one.place.at === name);
  if (found === undefined)
    throw new ProblemError(
      {
        id: 'backup-gone',
        what: `${name} is neither a file here nor a backup in the catalogue.`,
        next: 'See: blackstart backups',
      },
      EXIT.unreachable,
    );
  const bucket = await secrets.bucket();
  const passphrase = await secrets.passphrase();
  const source: Source =
    found.place.source === 'folder' || bucket === undefined
      ? { kind: 'file', path: found.place.at }
      : { kind: 'bucket', bucket, key: found.place.at };
  return { source, tokens: await tokensOf(options, secrets), ...(passphrase === undefined ? {} : { passphrase }) };
}

async function tokensOf(
  options: VerifyOptions,
  secrets: ReturnType<typeof deskOf>['secrets'] | undefined,
): Promise<NamedToken[]> {
  const tokens: NamedToken[] = [];
  if (options.tokenFile !== undefined) {
    try {
      tokens.push({ name: options.tokenFile, token: new Secret(readFileSync(options.tokenFile, 'utf8').trim()) });
    } catch (cause) {
      throw new ProblemError(
        {
          id: 'token-file',
          what: 'The token file cannot be read.',
          where: options.tokenFile,
          next: 'Check its path and permissions.',
        },
        EXIT.unreachable,
        { cause },
      );
    }
  }
  const configured = await secrets?.token();
  if (configured !== undefined) tokens.push({ name: 'the inventory', token: configured });
  return tokens;
}

function sayProof(proof: Proof): void {
  out(`${proof.source}: ${proof.verdict.replaceAll('-', ' ')}`);
  const line = (name: string, value: string | number | null): void => {
    if (value !== null && value !== '') out(`  ${name.padEnd(12)} ${value}`);
  };
  line('format', proof.format);
  line('taken', proof.takenAt);
  line('size', `${proof.bytes.toLocaleString('en')} bytes, ${proof.pages.toLocaleString('en')} pages`);
  line(
    'sha256',
    proof.sha256.ok
      ? 'matches its trailer'
      : proof.sha256.expected === null
        ? 'no trailer'
        : 'DIFFERS from its trailer',
  );
  line('revision', proof.revision === null ? null : proof.revision.toLocaleString('en'));
  line(
    'keys',
    proof.keys === null
      ? null
      : `${proof.keys.toLocaleString('en')} live, ${proof.totalKeys?.toLocaleString('en')} in all buckets`,
  );
  line('hash', proof.hash);
  line('etcd', proof.etcdVersion);
  line('K3s', proof.k3sVersion);
  line('nodes', proof.nodes.map((node) => node.name).join(', '));
  line('members', proof.members.map((member) => member.name).join(', '));
  line(
    'token',
    proof.token.opens
      ? `${proof.token.candidate} opens it (${proof.token.expectedHash})`
      : proof.token.checked
        ? `none of those given opens it; it needs ${proof.token.expectedHash}`
        : `not checked; it needs ${proof.token.expectedHash ?? 'none'}`,
  );
  line('CA expires', proof.caExpiry);
  for (const problem of proof.problems) {
    out(`  ${problem.severity}: ${problem.message}`);
    if (problem.remedy !== '') out(`    ${problem.remedy}`);
  }
  if (proof.verdict === 'restorable') err('Proven by structure; a trial restore was not made.');
}

const usage = (what: string, next: string): ProblemError => new ProblemError({ id: 'usage', what, next }, EXIT.usage);
