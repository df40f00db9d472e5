import { Secret } from '../base/secret.js';
import type { Cluster } from '../incident/cluster.js';
import { readFile } from '../k3s/ask.js';
import { k3sPaths } from '../k3s/paths.js';
import type { Hosts } from '../remote/hosts.js';
import { tokenHash } from '../snapshot/index.js';
import type { NamedToken } from './backup-desk.js';
import type { SecretBook } from './secret-book.js';

const QUICK = 8_000;

/**
 * Server tokens that lie on the servers (facts 8.1): `server/token` and the `server` row of `cred/passwd`. Read, never shown;
 * a host that does not answer gives none. Equal ones are told once.
 */
export async function tokensOnServers(
  hosts: Hosts,
  cluster: Cluster,
  book: SecretBook,
  signal: AbortSignal,
): Promise<NamedToken[]> {
  const found = await Promise.all(
    cluster.hosts
      .filter((host) => host.role === 'server')
      .map(async (host) => {
        const paths = k3sPaths(host.dataDir, host.service);
        const read = async (path: string): Promise<string> => {
          try {
            const said = await hosts
              .get(host.name)
              .exec({ argv: readFile(path), root: true, signal, timeoutMs: QUICK, lane: 'watch', maxBytes: 65_536 });
            return said.code === 0 ? said.stdout : '';
          } catch {
            return '';
          }
        };
        const [token, passwd] = await Promise.all([read(paths.token), read(paths.passwd)]);
        const row = passwd
          .split('\n')
          .map((line) => line.split(','))
          .find((columns) => columns[1] === 'server');
        return [
          { name: `${host.name}: ${paths.token}`, text: token.trim() },
          { name: `${host.name}: ${paths.passwd}`, text: row?.[0] ?? '' },
        ];
      }),
  );
  const tokens = new Map<string, NamedToken>();
  for (const { name, text } of found.flat()) {
    if (text === '') continue;
    const token = book.add(new Secret(text));
    const hash = tokenHash(token);
    if (hash !== undefined && !tokens.has(hash)) tokens.set(hash, { name, token });
  }
  return [...tokens.values()];
}
