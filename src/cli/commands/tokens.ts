import { suggested } from '../../backups/index.js';
import { EXIT, ProblemError, toProblem } from '../../base/problem.js';
import { json, out } from '../output.js';
import { distinctTokens, type FoundToken } from '../tokens.js';
import { expectationOf, type InventoryOption, inventoryOf, openDesk, progressLine, withSpool } from './shared.js';

export interface TokensOptions extends InventoryOption {
  readonly json: boolean;
  readonly quiet: boolean;
}

interface Row {
  readonly host: string;
  readonly file: string;
  readonly hash: string | null;
  readonly opens: boolean | null;
}

/**
 * Which tokens lie on which host, and which of them opens a backup. Tokens are read and never shown. Exit 0 when one opens it, 1 when
 * none does, 3 when no backup or no host could be asked.
 */
export async function tokensCommand(backup: string | undefined, options: TokensOptions): Promise<number> {
  const inventory = await inventoryOf(options);
  const line = progressLine(!options.quiet && !options.json);
  return withSpool('tokens', async (spool, signal) => {
    const { desk, hosts, close } = openDesk(inventory, { spool, hosts: true, searchTokens: true });
    try {
      const chosen =
        backup === undefined
          ? await desk.list(signal, { servers: 'none' }).then(({ backups }) => suggested(backups))
          : await desk.find(backup, signal);
      if (chosen === undefined)
        throw new ProblemError({ id: 'catalogue-empty', what: 'There is no backup.', next: 'See: blackstart backups' });
      const expected = await expectationOf(inventory, hosts, signal);
      const proven = await desk.prove(chosen, expected, { signal, onProgress: line.show }).catch((thrown: unknown) => {
        signal.throwIfAborted();
        return toProblem(thrown);
      });
      line.clear();
      const needed = 'proof' in proven ? proven.proof.token.expectedHash : null;
      const { found, silent } = desk.tokens.lastSearch ?? (await desk.tokens.search(signal));
      const configured = 'proof' in proven ? await desk.tokens.configuredHash() : undefined;
      const rows: Row[] = [
        ...(configured === undefined ? [] : [row('inventory', 'token:', configured, needed)]),
        ...found.map((one: FoundToken) => row(one.host, one.file, one.hash, needed)),
      ];
      const opens = needed !== null && rows.some((one) => one.opens === true);
      const others =
        needed === null || opens
          ? []
          : await desk.openedBy(
              distinctTokens(found).flatMap((one) => one.hash ?? []),
              signal,
            );
      const problem = 'proof' in proven ? undefined : proven;
      if (options.json) {
        json({
          backup: chosen.id,
          needs: needed,
          tokens: rows,
          silent,
          opens,
          others: others.map((one) => one.id),
          problem: problem ?? null,
        });
      } else {
        print(rows);
        for (const { host, why } of silent) out(`${host} was not asked: ${why}`);
        out('');
        if (problem !== undefined)
          out(`${chosen.id} could not be proven, so nothing was tried on it: ${problem.what} ${problem.next}`);
        else if (needed === null) out(`${chosen.id} holds no bootstrap data: no token can open it.`);
        else if (opens) out(`${chosen.id} needs ${needed}: found.`);
        else {
          out(`${chosen.id} needs ${needed}: none of these opens it.`);
          out(
            others.length > 0
              ? `One of them opens: ${others
                  .slice(0, 5)
                  .map((one) => one.id)
                  .join(
                    ', ',
                  )}. Choose one of these, or find the other token (password store, older copies of the servers).`
              : 'Look for it in your password store and in older copies of the servers; the hash of a token is the first 12 digits of sha256sum of its password part.',
          );
        }
      }
      if (problem !== undefined || needed === null) return problem === undefined ? EXIT.no : EXIT.unreachable;
      return opens ? EXIT.ok : EXIT.no;
    } finally {
      line.clear();
      await close();
    }
  });
}

function row(host: string, file: string, hash: string | undefined, needed: string | null): Row {
  return { host, file, hash: hash ?? null, opens: needed === null ? null : hash === needed };
}

function print(rows: readonly Row[]): void {
  if (rows.length === 0) out('No token was found on any host.');
  const widths = [rows.map((one) => one.host), rows.map((one) => one.file)].map((texts) =>
    Math.max(4, ...texts.map((text) => text.length)),
  );
  const line = (host: string, file: string, hash: string, opens: string): void =>
    out(`${host.padEnd(widths[0] ?? 4)}  ${file.padEnd(widths[1] ?? 4)}  ${hash.padEnd(12)}  ${opens}`.trimEnd());
  if (rows.length > 0) line('HOST', 'FILE', 'HASH', 'OPENS');
  for (const one of rows)
    line(one.host, one.file, one.hash ?? 'no token', one.opens === null ? '?' : one.opens ? 'yes' : 'no');
}
